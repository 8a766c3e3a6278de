"""What happens when a run's time has come."""
