"""The client of an OpenMetadata server: addresses, tokens, retries and versions."""
