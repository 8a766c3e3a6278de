"""How things are named, and a secret instead of being written out: `secret:<name>`.

Apart from who resolves it, so that all may know.
"""

import re

REFERENCE_PREFIX = "secret:"
# What workflows, pools and secrets may be called.
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
REFERENCE = re.compile(rf"secret:({NAME})")

# Whoever may edit a service there chooses where a secret in its connection is sent.
OPENMETADATA_SECRETS = ("openmetadata-service-*",)
