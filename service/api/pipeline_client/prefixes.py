"""Where the contract is."""

# The server tries them in this order and keeps the first that answers.
PREFIXES = ("/pluginsv2/api/v2/openmetadata", "/api/v2/openmetadata", "/api/v1/openmetadata")


def is_contract(path: str) -> bool:
    """Whether a path belongs to the contract."""
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in PREFIXES)
