"""Prefect through its REST API."""
