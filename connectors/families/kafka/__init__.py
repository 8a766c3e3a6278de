"""What Kafka and the systems that speak its protocol have in common."""
