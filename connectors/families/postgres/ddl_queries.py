"""What only DDL tells of the table `c` of `queries.TABLES`, as JSON; PARTS are what TABLE consists of."""

# Only of columns that have more to say than their names, their types and NOT NULL, which is very few of most tables'.
# Of a column that a parent hands down, only what differs from every parent's is of interest.
COLUMNS = """
    SELECT json_agg(json_build_array(
        a.attnum, quote_ident(a.attname), pg_get_expr(d.adbin, d.adrelid),
        a.attgenerated::text, a.attidentity::text,
        CASE WHEN $collated THEN quote_ident(n.nspname) || '.' || quote_ident(l.collname) END,
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
            WHERE i.inhrelid = a.attrelid AND p.attnotnull)))
    FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    LEFT JOIN pg_namespace n ON n.oid = l.collnamespace
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND $is_special
"""
IS_SPECIAL = """(
    a.atthasdef OR a.attidentity <> '' OR a.attfdwoptions IS NOT NULL OR NOT a.attislocal OR c.reloftype <> 0
    OR quote_ident(a.attname) <> a.attname OR $collated)
"""
# Text, char and varchar, which nearly all are, have the default collation. The type of the others is looked up: joined,
# the planner would read the types of all tables for each table.
COLLATED = """
    a.attcollation <> 0 AND NOT (a.attcollation = 100 AND a.atttypid IN (25, 1042, 1043))
    AND a.attcollation <> (SELECT y.typcollation FROM pg_type y WHERE y.oid = a.atttypid)
"""
# Since Postgres 18 NOT NULL is a constraint too; only one that its column cannot express is written out.
CONSTRAINTS = """
    SELECT json_agg(json_build_array(quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid),
                                     CASE WHEN k.contype = 'n' THEN k.conkey[1] END)
                    ORDER BY array_position('{n,p,u,x,c,f}'::"char"[], k.contype), k.conname)
    FROM pg_constraint k
    WHERE k.conrelid = c.oid AND k.conislocal AND k.conparentid = 0
    AND (k.contype IN ('p', 'u', 'x', 'c', 'f') OR k.contype = 'n' AND (
        k.connoinherit OR NOT k.convalidated
        OR k.conname <> c.relname || '_' || a.names[array_position(a.numbers, k.conkey[1])] || '_not_null'))
"""
SEQUENCES = """
    SELECT json_agg(json_build_array(
        e.refobjsubid, e.deptype = 'i', s.oid::regclass::text, s.relname, s.relnamespace = c.relnamespace,
        format_type(q.seqtypid, NULL),
        q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle) ORDER BY e.refobjsubid, s.relname)
    FROM pg_depend e
    JOIN pg_class s ON s.oid = e.objid AND s.relkind = 'S'
    JOIN pg_sequence q ON q.seqrelid = s.oid
    WHERE e.refclassid = 'pg_class'::regclass AND e.refobjid = c.oid AND e.refobjsubid > 0
    AND e.classid = e.refclassid AND e.deptype IN ('a', 'i')
"""
TABLE = """
    CASE WHEN c.relkind IN ('r', 'p', 'f') THEN json_build_array(
        c.relpersistence = 'u', c.reloptions,
        CASE WHEN c.relkind = 'r' AND c.relam <> 2 THEN (
            SELECT quote_ident(m.amname) FROM pg_am m WHERE m.oid = c.relam AND m.amname <> 'heap') END,
        CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
        ARRAY(SELECT i.inhparent::regclass::text FROM pg_inherits i
              WHERE i.inhrelid = c.oid ORDER BY i.inhseqno),
        CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
        CASE WHEN c.relkind = 'f' THEN (
            SELECT quote_ident(s.srvname) FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver
            WHERE f.ftrelid = c.oid) END,
        CASE WHEN c.relkind = 'f' THEN ARRAY(
            SELECT quote_ident(o.option_name) || ' ' || quote_literal(o.option_value)
            FROM pg_foreign_table f, pg_options_to_table(f.ftoptions) o WHERE f.ftrelid = c.oid) ELSE '{}' END,
        coalesce(CASE WHEN a.special THEN ($special) END, '[]'), coalesce(($constraints), '[]'),
        coalesce(($sequences), '[]')) END
"""
PARTS = {"special": COLUMNS, "constraints": CONSTRAINTS, "sequences": SEQUENCES}
