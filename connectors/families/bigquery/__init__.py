"""BigQuery's catalogue: the lists of its REST API, and the INFORMATION_SCHEMA of each dataset."""
