"""The questions about what only DDL tells, ordered and composed like those of `queries`."""

TABLES = """
    SELECT c.oid, c.relpersistence = 'u', c.reloptions,
           CASE WHEN c.relkind = 'r' AND m.amname <> 'heap' THEN quote_ident(m.amname) END,
           CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
           ARRAY(SELECT i.inhparent::regclass::text FROM pg_inherits i
                 WHERE i.inhrelid = c.oid ORDER BY i.inhseqno),
           pg_get_partkeydef(c.oid), quote_ident(s.srvname),
           ARRAY(SELECT quote_ident(o.option_name) || ' ' || quote_literal(o.option_value)
                 FROM pg_options_to_table(f.ftoptions) o)
    FROM $tables JOIN pg_class c ON c.oid = t.oid LEFT JOIN pg_am m ON m.oid = c.relam
    LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
    LEFT JOIN pg_foreign_server s ON s.oid = f.ftserver
    WHERE c.relkind IN ('r', 'p', 'f')
"""
# Only of columns that have more to say than their names, their types and NOT NULL, which is very few of most tables'.
# Of a column that a parent hands down, only what differs from every parent's is of interest.
COLUMNS = """
    SELECT a.attrelid, a.attnum, quote_ident(a.attname), pg_get_expr(d.adbin, d.adrelid),
           a.attgenerated::text, a.attidentity::text,
           CASE WHEN a.attcollation <> y.typcollation THEN quote_ident(n.nspname) || '.' || quote_ident(l.collname) END,
           ARRAY(SELECT quote_ident(o.option_name) || ' ' || quote_literal(o.option_value)
                 FROM pg_options_to_table(a.attfdwoptions) o),
           a.attislocal,
           NOT a.attislocal AND EXISTS (
               SELECT FROM pg_inherits i
               JOIN pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname
               LEFT JOIN pg_attrdef q ON q.adrelid = p.attrelid AND q.adnum = p.attnum
               WHERE i.inhrelid = a.attrelid AND pg_get_expr(q.adbin, q.adrelid)
                     IS NOT DISTINCT FROM pg_get_expr(d.adbin, d.adrelid)),
           NOT a.attislocal AND EXISTS (
               SELECT FROM pg_inherits i
               JOIN pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname
               WHERE i.inhrelid = a.attrelid AND p.attnotnull)
    FROM $tables JOIN pg_class c ON c.oid = t.oid AND c.relkind IN ('r', 'p', 'f')
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type y ON y.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    LEFT JOIN pg_namespace n ON n.oid = l.collnamespace
    WHERE a.atthasdef OR a.attidentity <> '' OR a.attcollation <> y.typcollation OR a.attfdwoptions IS NOT NULL
    OR NOT a.attislocal OR c.reloftype <> 0 OR quote_ident(a.attname) <> a.attname
"""
# Since Postgres 18 NOT NULL is a constraint too; only one that its column cannot express is written out.
CONSTRAINTS = """
    SELECT k.conrelid, quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid),
           CASE WHEN k.contype = 'n' THEN k.conkey[1] END
    FROM $tables JOIN pg_class c ON c.oid = t.oid
    JOIN pg_constraint k ON k.conrelid = t.oid AND k.conislocal AND k.conparentid = 0
    LEFT JOIN pg_attribute a
        ON k.contype = 'n' AND a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    WHERE k.contype IN ('p', 'u', 'x', 'c', 'f') OR k.contype = 'n' AND (
        k.connoinherit OR NOT k.convalidated OR k.conname <> c.relname || '_' || a.attname || '_not_null')
    ORDER BY k.conrelid, array_position('{n,p,u,x,c,f}'::"char"[], k.contype), k.conname
"""
SEQUENCES = """
    SELECT e.refobjid, e.refobjsubid, e.deptype = 'i', c.oid::regclass::text, c.relname,
           c.relnamespace = o.relnamespace, format_type(q.seqtypid, NULL),
           q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle
    FROM $tables JOIN pg_depend e
        ON e.refclassid = 'pg_class'::regclass AND e.refobjid = t.oid AND e.refobjsubid > 0
        AND e.classid = e.refclassid AND e.deptype IN ('a', 'i')
    JOIN pg_class c ON c.oid = e.objid AND c.relkind = 'S'
    JOIN pg_class o ON o.oid = t.oid
    JOIN pg_sequence q ON q.seqrelid = c.oid
    ORDER BY e.refobjid, e.refobjsubid, c.relname
"""
