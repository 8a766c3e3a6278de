"""Columns of files, from a bounded part of one: text by what stands in it, others by the schema that they carry."""
