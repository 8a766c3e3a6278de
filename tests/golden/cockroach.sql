-- What Cockroach's catalogue has more than Postgres's, as rows recorded for shop.by_name.sql.
create type sales.mood as enum ('sad', 'happy');
create table sales.more (tags text[], mood sales.mood, doc jsonb, place text);
set allow_system_table_mods = on;
create schema pg_recorded;
create table pg_recorded.types (table_name text, column_name text, crdb_sql_type text, is_hidden text);
insert into pg_recorded.types values
  ('customer', 'mail', 'VARCHAR(120)', 'NO'), ('customer', 'score', 'DECIMAL(6,2)', 'NO'),
  ('customer', 'seen', 'TIMESTAMPTZ', 'NO'), ('customer', 'id', 'INT8', 'NO'), ('customer', 'active', 'BOOL', 'NO'),
  ('more', 'tags', 'STRING[]', 'NO'), ('more', 'mood', 'sales.mood', 'NO'), ('more', 'doc', 'JSONB', 'NO'),
  ('more', 'place', 'GEOMETRY(POINT,4326)', 'NO'), ('unkeyed', 'rowid', 'INT8', 'YES');
do $$
declare own text := pg_get_viewdef('information_schema.columns'::regclass);
begin
  execute 'create or replace view information_schema.columns as select o.*, '
    'coalesce(t.crdb_sql_type, upper(o.data_type)) as crdb_sql_type, coalesce(t.is_hidden, ''NO'') as is_hidden, '
    'col_description(format(''%I.%I'', o.table_schema, o.table_name)::regclass, o.ordinal_position) as column_comment '
    'from (' || rtrim(own, ';') || ') o left join pg_recorded.types t '
    'on t.table_name = o.table_name and t.column_name = o.column_name';
end $$;
create schema crdb_internal;
create table crdb_internal.create_statements (
  database_name text, schema_name text, descriptor_type text, descriptor_name text, create_statement text
);
insert into crdb_internal.create_statements
select current_database(), 'sales', 'table', name, 'CREATE TABLE sales.' || name || ' (...)'
from (values ('customer'), ('product'), ('orders'), ('unkeyed'), ('more')) t (name);
