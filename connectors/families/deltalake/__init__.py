"""Delta Lake: folders with a log of what their table is, on this machine or in buckets of S3."""
