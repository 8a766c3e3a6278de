"""Every question asked of a dataset's INFORMATION_SCHEMA: each is charged as ten megabytes for each view it reads.

`$dataset` is a dataset with its project as SQL writes them, `$changed` what narrows an incremental run. Rows come
ordered by the names of the tables, in their first column.
"""

from string import Template

# One row for each table that the user may look into; the text of views, and that of all tables where it is wanted.
TABLES = """
    SELECT table_name, IF($wanted, ddl, NULL) AS statement
    FROM $dataset.INFORMATION_SCHEMA.TABLES WHERE TRUE $changed ORDER BY table_name
"""
OF_VIEWS, OF_ALL = "table_type IN ('VIEW', 'MATERIALIZED VIEW')", "TRUE"
COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable
    FROM $dataset.INFORMATION_SCHEMA.COLUMNS
    WHERE is_hidden = 'NO' $changed ORDER BY table_name, ordinal_position
"""
# Columns and what lies in them, where there is anything to tell.
FIELDS = """
    SELECT table_name, field_path, description, policy_tags
    FROM $dataset.INFORMATION_SCHEMA.COLUMN_FIELD_PATHS
    WHERE (description IS NOT NULL OR ARRAY_LENGTH(policy_tags) > 0) $changed ORDER BY table_name
"""
OPTIONS = """
    SELECT table_name, option_name, option_value
    FROM $dataset.INFORMATION_SCHEMA.TABLE_OPTIONS
    WHERE option_name IN ('description', 'uris') $changed ORDER BY table_name
"""
# Of a foreign key: each of its columns with each that it refers to, in no order.
KEYS = """
    SELECT k.table_name, k.constraint_name, c.constraint_type, k.column_name,
           u.table_catalog, u.table_schema, u.table_name AS referred_table, u.column_name AS referred_column
    FROM $dataset.INFORMATION_SCHEMA.KEY_COLUMN_USAGE AS k
    JOIN $dataset.INFORMATION_SCHEMA.TABLE_CONSTRAINTS AS c
      ON c.constraint_name = k.constraint_name AND c.table_name = k.table_name
    LEFT JOIN $dataset.INFORMATION_SCHEMA.CONSTRAINT_COLUMN_USAGE AS u
      ON u.constraint_name = k.constraint_name AND c.constraint_type = 'FOREIGN KEY'
    WHERE TRUE $changed_keys ORDER BY k.table_name, k.constraint_name, k.ordinal_position
"""
# Tables whose rows, columns and descriptions are the same since a moment, in milliseconds since 1970. What __TABLES__
# does not know is read: not every kind of table is promised to be there.
UNCHANGED = "SELECT table_id FROM $dataset.__TABLES__ WHERE last_modified_time < $since"
NARROWED = f"AND table_name NOT IN ({UNCHANGED})"
ONE = "SELECT COUNT(*) FROM $dataset.INFORMATION_SCHEMA.TABLES"


def filled(query: str, project: str, dataset: str, since: int | None = None, wanted: str = OF_VIEWS) -> str:
    """`query` about a dataset: of all its tables, or without those that are the same `since`."""
    place = {"dataset": f"`{project}`.`{dataset}`", "since": str(since), "wanted": wanted}
    narrowed = "" if since is None else Template(NARROWED).substitute(place)
    of_keys = narrowed.replace("table_name", "k.table_name", 1)
    return Template(query).substitute(place, changed=narrowed, changed_keys=of_keys)
