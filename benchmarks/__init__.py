"""Measurements and the demo; not shipped."""
