"""Headwater's ingestion framework and its native connectors."""
