"""Superset through its REST API."""
