"""Snowflake's catalogue: the information_schema of each database, SHOW commands and ACCOUNT_USAGE."""
