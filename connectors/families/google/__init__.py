"""Google's cloud: credentials as OpenMetadata writes them, and the access tokens that they bring."""
