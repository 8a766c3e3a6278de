"""TLS as a connection to OpenMetadata asks for it."""

import ssl

from connectors.definition import OpenMetadataConnection
from connectors.http import tls

KEYS = tls.KEYS.below("workflowConfig.openMetadataServerConfig.")


def tls_context(connection: OpenMetadataConnection) -> ssl.SSLContext:
    """The TLS side of a connection.

    Raises:
        ConfigurationError: A certificate or key cannot be used; names its key.
    """
    return tls.tls_context(connection.host_port, connection.verify_ssl, connection.ssl_config, KEYS)


def advice_on_tls(error: BaseException) -> str | None:
    """See connectors.http.tls."""
    return tls.advice_on_tls(error, KEYS)
