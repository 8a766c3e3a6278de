"""ClickHouse: its HTTP interface and its types."""
