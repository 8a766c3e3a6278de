"""What clients need that speak HTTP without TLS, as all do with the servers of tests."""

import ssl

# Never used: without it each client loads the usual authorities, which takes 30 ms.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
