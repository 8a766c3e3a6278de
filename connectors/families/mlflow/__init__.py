"""What the MLflow connector is made of."""
