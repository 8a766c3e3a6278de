"""The contract by which an OpenMetadata server drives its pipeline service."""
