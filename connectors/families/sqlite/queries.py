"""Every question asked of a file; OWN goes into the place of `$own`.

`$names` are as many question marks as names are asked about, each in brackets: no index leads to them.
"""

OWN = "m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
NAMES = "SELECT m.name FROM main.sqlite_schema m WHERE $own ORDER BY m.name COLLATE BINARY"
STATEMENTS = "SELECT m.name, m.type, m.sql FROM main.sqlite_schema m WHERE $own AND m.name IN (VALUES $names)"
COLUMNS = """
    WITH n (name) AS (VALUES $names)
    SELECT n.name, c.name, c.type, c."notnull", c.pk FROM n JOIN pragma_table_xinfo(n.name, 'main') c
    WHERE c.hidden <> 1 ORDER BY n.name COLLATE BINARY, c.cid
"""
COLUMNS_OF_VIEW = "SELECT ?1, c.name, c.type, 0, 0 FROM pragma_table_xinfo(?1, 'main') c ORDER BY c.cid"
# An expression in a key has no name.
KEYS = """
    WITH n (name) AS (VALUES $names)
    SELECT n.name, i.name, k.name FROM n
    JOIN pragma_index_list(n.name, 'main') i JOIN pragma_index_info(i.name, 'main') k
    WHERE i."unique" AND i.origin <> 'pk' AND NOT i.partial
    ORDER BY n.name COLLATE BINARY, i.name COLLATE BINARY, k.seqno
"""
FOREIGN_KEYS = """
    WITH n (name) AS (VALUES $names)
    SELECT n.name, f.id, f."table", f."from", f."to" FROM n JOIN pragma_foreign_key_list(n.name, 'main') f
    ORDER BY n.name COLLATE BINARY, f.id, f.seq
"""
PRIMARY_KEY = "SELECT name FROM pragma_table_info(?, 'main') WHERE pk > 0 ORDER BY pk"
