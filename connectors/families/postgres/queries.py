"""Every question asked of Postgres's catalogues, but for those about DDL.

Tables are listed by their oids; the question about some of them takes those oids as `%s`. `composed` fills in what
follows a `$`.
Nothing is qualified: sessions have an empty search path, so that every name is one of Postgres's own.
"""

from functools import lru_cache
from string import Template

from connectors.families.postgres import ddl_queries

POSTGRES_14 = 140000

# Partitions are described by their parent; what an extension brings along is nobody's own table.
FRAGMENTS = {
    "relation": "c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition",
    "routine": "p.prokind IN ('f', 'p', 'w')",
    "own_schema": "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
    "databases": """
        SELECT d.datname, shobj_description(d.oid, 'pg_database'), pg_get_userbyid(d.datdba),
               NOT d.datallowconn OR d.datistemplate OR NOT has_database_privilege(d.oid, 'CONNECT')
        FROM pg_database d""",
    "of_extension": """
        SELECT FROM pg_depend e
        WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'""",
    # By itself comes what makes values of a range type.
    "brought_along": """
        SELECT FROM pg_depend e
        WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i')""",
    # By what depends on the schema: neither pg_class nor pg_proc has an index to find a schema's own by.
    "of_schema": "d.refclassid = 'pg_namespace'::regclass AND d.refobjid = $schema AND d.deptype = 'n'",
    "routines": """
        FROM pg_depend d JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        JOIN pg_language l ON l.oid = p.prolang
        WHERE $of_schema AND $routine AND NOT EXISTS ($brought_along)""",
}

THIS_DATABASE = "$databases WHERE d.datname = current_database()"
ALL_DATABASES = "$databases ORDER BY d.datname"
SCHEMAS = """
    SELECT n.nspname, obj_description(n.oid, 'pg_namespace'), pg_get_userbyid(n.nspowner)
    FROM pg_namespace n WHERE $own_schema ORDER BY n.nspname
"""
USABLE_SCHEMAS = """
    SELECT count(*), count(*) FILTER (WHERE has_schema_privilege(n.oid, 'USAGE'))
    FROM pg_namespace n WHERE $own_schema
"""
COUNTS = """
    SELECT n.nspname, coalesce(t.tables, 0), coalesce(r.routines, 0)
    FROM pg_namespace n
    LEFT JOIN (SELECT c.relnamespace, count(*) AS tables FROM pg_class c
               WHERE $relation AND NOT EXISTS ($of_extension) GROUP BY 1) t ON t.relnamespace = n.oid
    LEFT JOIN (SELECT p.pronamespace, count(*) AS routines FROM pg_proc p
               WHERE $routine AND NOT EXISTS ($brought_along) GROUP BY 1) r ON r.pronamespace = n.oid
    WHERE $own_schema
"""
VIEWS = """
    SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE $own_schema AND c.relkind IN ('v', 'm')
"""
TAGS = """
    SELECT DISTINCT p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE $own_schema ORDER BY p.polname
"""

SCHEMA_OIDS = "SELECT n.oid, n.nspname FROM pg_namespace n"

# One schema, whether it may be used, the oids of its tables, and whether it may have routines: of that pg_depend tells,
# as a role that may not read pg_proc is to lose routines only.
LISTING = """
    SELECT n.oid, has_schema_privilege(n.oid, 'USAGE'), ARRAY(
        SELECT c.oid FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
        WHERE $of_schema AND $relation AND NOT EXISTS ($of_extension) ORDER BY c.oid),
        EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND $of_schema)
    FROM pg_namespace n WHERE $which
"""
ANY_ROUTINE = "SELECT n.oid, EXISTS (SELECT $routines) FROM pg_namespace n WHERE $which"

# All of some tables as one JSON document, with an array for each: it is decoded at once, where rows and arrays cost the
# reader several times as much. A table without columns has its array too. A column's type and modifier
# are one number, types.TypeKey: it is faster to decode and to look up than a pair.
TABLES = """
    SELECT coalesce(json_agg(json_build_array(a.kinds, json_build_array(
        c.relname, c.relkind, m.comment, pg_get_userbyid(c.relowner),
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid, true) END,
        c.oid::regclass::text, c.reloptions,
        json_build_array(a.numbers, a.names, a.not_nulls, m.numbers, m.comments),
        coalesce(($keys), '[]'), CASE WHEN c.relkind = 'p' THEN ($partition_key) END,
        ARRAY(SELECT p.polname FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY p.polname),
        $ddl)) ORDER BY c.oid), '[]')
    FROM unnest(%s::oid[]) AS t (oid) JOIN pg_class c ON c.oid = t.oid
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(s.attnum), '{}') AS numbers, coalesce(array_agg(s.attname), '{}') AS names,
               coalesce(array_agg((s.atttypid::int8 << 32) | (s.atttypmod::int8 & 4294967295)), '{}') AS kinds,
               coalesce(array_agg(s.attnotnull), '{}') AS not_nulls, bool_or(s.special) AS special
        FROM (SELECT a.*, $is_special AS special
              FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attnum) s
    ) a
    CROSS JOIN LATERAL (
        SELECT max(d.description) FILTER (WHERE d.objsubid = 0) AS comment,
               array_agg(d.objsubid) FILTER (WHERE d.objsubid > 0) AS numbers,
               array_agg(d.description) FILTER (WHERE d.objsubid > 0) AS comments
        FROM pg_description d WHERE d.objoid = c.oid AND d.classoid = 'pg_class'::regclass
    ) m
"""
# A foreign key to a partitioned table has rows for its partitions too, below its own.
KEYS = """
    SELECT json_agg(json_build_array(k.contype, k.conkey, r.nspname, r.relname, r.names)
                    ORDER BY k.contype DESC, k.conname)
    FROM pg_constraint k
    LEFT JOIN LATERAL (
        SELECT (SELECT n.nspname FROM pg_namespace n WHERE n.oid = f.relnamespace) AS nspname, f.relname,
               ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, place)
                     JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
                     ORDER BY u.place) AS names
        FROM pg_class f WHERE k.contype = 'f' AND f.oid = k.confrelid
    ) r ON true
    WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'f') AND k.conparentid = 0
"""
# Columns that only an expression of the key names are found by what the table depends on.
PARTITION_KEY = """
    SELECT json_build_array(
        p.partstrat, p.partattrs::int2[], pg_get_expr(p.partexprs, p.partrelid),
        ARRAY(SELECT DISTINCT e.objsubid FROM pg_depend e
              WHERE p.partexprs IS NOT NULL AND e.classid = 'pg_class'::regclass
              AND e.objid = p.partrelid AND e.refclassid = e.classid AND e.refobjid = e.objid
              AND e.refobjsubid = 0 AND e.objsubid > 0 AND e.deptype = 'i' ORDER BY e.objsubid))
    FROM pg_partitioned_table p WHERE p.partrelid = c.oid
"""

# Types with their modifiers, and the types those are made of. Postgres expects thousands and would read all of pg_type,
# which has two for every table; OFFSET keeps it to looking each up.
TYPES = """
    WITH RECURSIVE used (oid, modifier) AS (
        SELECT * FROM unnest(%s::oid[], %s::int4[])
      UNION
        SELECT p.oid, p.modifier FROM used u JOIN pg_type t ON t.oid = u.oid CROSS JOIN LATERAL (
            SELECT t.typelem, u.modifier WHERE t.typelem <> 0 AND t.typlen = -1
          UNION ALL
            SELECT t.typbasetype, t.typtypmod WHERE t.typtype = 'd'
          UNION ALL
            SELECT a.atttypid, a.atttypmod FROM pg_attribute a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
          UNION ALL
            SELECT r.rngsubtype, -1 FROM pg_range r WHERE $ranges
        ) AS p (oid, modifier)
    )
    SELECT t.oid, u.modifier, format_type(t.oid, u.modifier), t.typname,
           n.nspname = 'pg_catalog', t.typtype, t.typnotnull,
           CASE WHEN t.typelem <> 0 AND t.typlen = -1 THEN t.typelem WHEN t.typtype = 'd' THEN t.typbasetype
                WHEN t.typtype IN ('r', 'm') THEN (SELECT r.rngsubtype FROM pg_range r WHERE $ranges) END,
           t.typtypmod,
           CASE WHEN t.typtype = 'e' THEN (SELECT max(length(e.enumlabel)) FROM pg_enum e
                                           WHERE e.enumtypid = t.oid) END,
           f.names, f.types, f.modifiers, f.not_nulls, f.descriptions
    FROM used u CROSS JOIN LATERAL (SELECT * FROM pg_type y WHERE y.oid = u.oid OFFSET 0) t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN LATERAL (
        SELECT array_agg(a.attname ORDER BY a.attnum) AS names, array_agg(a.atttypid ORDER BY a.attnum) AS types,
               array_agg(a.atttypmod ORDER BY a.attnum) AS modifiers,
               array_agg(a.attnotnull ORDER BY a.attnum) AS not_nulls,
               array_agg(col_description(a.attrelid, a.attnum) ORDER BY a.attnum) AS descriptions
        FROM pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) f ON true
"""

# Postgres tells routines of one name apart by the types of their arguments, and so do we; the oldest keeps its plain
# name, so that an overload that comes later does not rename what people have described.
ROUTINES = """
    SELECT p.oid, p.proname, p.prokind, l.lanname, $code, obj_description(p.oid, 'pg_proc'),
           pg_get_userbyid(p.proowner),
           CASE WHEN row_number() OVER (PARTITION BY p.proname ORDER BY p.oid) > 1
                THEN oidvectortypes(p.proargtypes) END
    $routines
    ORDER BY p.oid
"""


@lru_cache(maxsize=256)
def composed(query: str, version: int, schema: int | None = None, *, ddl: bool = False) -> str:
    """`query`, one of this module's, for a server of this version; about one schema, or its own `n`."""
    newer = version >= POSTGRES_14
    range_types = "t.oid IN (r.rngtypid, r.rngmultitypid)" if newer else "t.oid = r.rngtypid"
    standard_body = "CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE pg_get_function_sqlbody(p.oid) END"
    parts = {"keys": KEYS, "partition_key": PARTITION_KEY, "ddl": ddl_queries.TABLE if ddl else "NULL"}
    columns = {"is_special": ddl_queries.IS_SPECIAL if ddl else "false"}
    values = {
        "ranges": range_types,
        "code": standard_body if newer else "p.prosrc",
        "collated": ddl_queries.COLLATED,
        "schema": "n.oid" if schema is None else str(schema),
        "which": "n.nspname = %s" if schema is None else f"n.oid = {schema}",
    }
    for each in (parts, ddl_queries.PARTS, columns, FRAGMENTS, FRAGMENTS, values):
        query = Template(query).safe_substitute(each)
    return query
