"""When a run's time has come."""
