"""Dagster through its GraphQL API."""
