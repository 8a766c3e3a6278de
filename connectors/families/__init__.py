"""The shapes that many systems share."""
