"""Systems that store objects in buckets: service > bucket > path > file, and manifests that name the paths."""
