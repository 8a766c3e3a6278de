"""Every question asked of a file; OWN goes into the place of `$own`."""

OWN = "m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
TABLES = "SELECT m.name, m.type, m.sql FROM main.sqlite_schema m WHERE $own ORDER BY m.name COLLATE BINARY"
COLUMNS = """
    SELECT m.name, c.name, c.type, c."notnull", c.pk FROM main.sqlite_schema m
    JOIN pragma_table_xinfo(m.name, 'main') c
    WHERE $own AND m.type = 'table' AND c.hidden <> 1 ORDER BY m.name COLLATE BINARY, c.cid
"""
COLUMNS_OF_VIEW = """SELECT ?1, c.name, c.type, 0, 0 FROM pragma_table_xinfo(?1, 'main') c ORDER BY c.cid"""
# An expression in a key has no name.
KEYS = """
    SELECT m.name, i.name, k.name FROM main.sqlite_schema m
    JOIN pragma_index_list(m.name, 'main') i JOIN pragma_index_info(i.name, 'main') k
    WHERE $own AND m.type = 'table' AND i."unique" AND i.origin <> 'pk' AND NOT i.partial
    ORDER BY m.name COLLATE BINARY, i.name COLLATE BINARY, k.seqno
"""
FOREIGN_KEYS = """
    SELECT m.name, f.id, f."table", f."from", f."to" FROM main.sqlite_schema m
    JOIN pragma_foreign_key_list(m.name, 'main') f WHERE $own AND m.type = 'table'
    ORDER BY m.name COLLATE BINARY, f.id, f.seq
"""
PRIMARY_KEY = "SELECT name FROM pragma_table_info(?, 'main') WHERE pk > 0 ORDER BY pk"
COUNT = "SELECT count(*) FROM main.sqlite_schema m WHERE $own"
