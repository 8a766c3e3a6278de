"""Runs: the queue they wait in, who owns them, and what is left of them."""
