"""Definitions: what is ingested, when, and under which policy."""
