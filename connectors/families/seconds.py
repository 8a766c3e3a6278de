"""Time limits among the arguments that people write for a driver."""


def require_seconds(key: str, value: object) -> None:
    """Raises ValueError, which names the key, for what is no time limit."""
    text = f"{value}"
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        msg = f"{key} must be a whole number of seconds above 0"
        raise ValueError(msg)
