"""Every question asked of a file; OWN goes into the place of `$own`, `?1` is the name of a table or view."""

OWN = "m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
NAMES = "SELECT m.name FROM main.sqlite_schema m WHERE $own ORDER BY m.name COLLATE BINARY"
# No index leads to a name: those of several are looked for in one go. `$names` are as many question marks.
STATEMENTS = "SELECT m.name, m.type, m.sql FROM main.sqlite_schema m WHERE $own AND m.name IN ($names)"
COLUMNS = """
    SELECT c.name, c.type, c."notnull", c.pk FROM pragma_table_xinfo(?1, 'main') c WHERE c.hidden <> 1 ORDER BY c.cid
"""
COLUMNS_OF_VIEW = "SELECT c.name, c.type, 0, 0 FROM pragma_table_xinfo(?1, 'main') c ORDER BY c.cid"
# An expression in a key has no name.
KEYS = """
    SELECT i.name, k.name FROM pragma_index_list(?1, 'main') i JOIN pragma_index_info(i.name, 'main') k
    WHERE i."unique" AND i.origin <> 'pk' AND NOT i.partial ORDER BY i.name COLLATE BINARY, k.seqno
"""
FOREIGN_KEYS = """
    SELECT f.id, f."table", f."from", f."to" FROM pragma_foreign_key_list(?1, 'main') f ORDER BY f.id, f.seq
"""
PRIMARY_KEY = "SELECT name FROM pragma_table_info(?, 'main') WHERE pk > 0 ORDER BY pk"
COUNT = "SELECT count(*) FROM main.sqlite_schema m WHERE $own"
