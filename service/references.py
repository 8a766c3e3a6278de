"""How a secret is named instead of written out: `secret:<name>`. Apart from who resolves it, so that all may know."""

import re

REFERENCE_PREFIX = "secret:"
REFERENCE = re.compile(r"secret:([A-Za-z0-9][A-Za-z0-9._-]{0,127})")

# Whoever may edit a service there chooses where a secret in its connection is sent.
OPENMETADATA_SECRETS = ("openmetadata-service-*",)
