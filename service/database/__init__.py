"""The store: a Postgres server of the operator's, or one of our own."""
