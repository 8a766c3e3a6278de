"""Schemas of messages, as schema registries hold them, turned into the fields that OpenMetadata shows."""
