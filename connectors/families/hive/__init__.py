"""Hive: HiveServer2, which tells of one table at a time, or the metastore's own tables, which tell of all."""
