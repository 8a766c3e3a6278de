"""What a run emits, named by OpenMetadata's entities and fields."""
