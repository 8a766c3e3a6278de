"""Of the measurements: what becomes of those that go wrong."""
