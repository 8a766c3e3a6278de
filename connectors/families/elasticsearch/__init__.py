"""What the connectors of Elasticsearch and of OpenSearch, which came out of it, have in common."""
