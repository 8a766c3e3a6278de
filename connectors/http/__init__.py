"""What speaking HTTP takes, whoever is spoken to: answers, retries, broken-off connections, TLS."""
