"""OpenAPI: descriptions of HTTP APIs, read into collections, endpoints and the fields of what they take and give."""
