"""What a run tells the OpenMetadata server about its ingestion pipeline."""
