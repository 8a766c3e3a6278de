-- Redshift's views, which Postgres has not, over Postgres's catalogue and with rows recorded of external tables.
create schema spectrum;
set allow_system_table_mods = on;
create schema pg_recorded;
create table pg_recorded.external_columns (
  schemaname text, tablename text, columnname text, external_type text, columnnum int, part_key int, is_nullable text
);
insert into pg_recorded.external_columns values
  ('spectrum', 'clicks', 'id', 'bigint', 1, 0, 'false'),
  ('spectrum', 'clicks', 'who', 'struct<name:string,tags:array<string>>', 2, 0, 'true'),
  ('spectrum', 'clicks', 'day', 'date', 3, 1, 'true');
create view pg_catalog.svv_external_columns as select * from pg_recorded.external_columns;
create view pg_catalog.svv_tables as
  select current_database() as table_catalog, n.nspname::text as table_schema, c.relname::text as table_name,
         case c.relkind when 'r' then 'BASE TABLE' else 'VIEW' end as table_type,
         obj_description(c.oid, 'pg_class') as remarks
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'v', 'm')
  union all select current_database(), 'spectrum', 'clicks', 'EXTERNAL TABLE', null
  union all select current_database(), 'sales', 'mv_tbl__totals__0', 'BASE TABLE', null
  union all select current_database(), 'sales', 'bound_late', 'VIEW', null;
create view pg_catalog.svv_columns as
  select c.table_catalog, c.table_schema::text, c.table_name::text, c.column_name::text, c.ordinal_position::int,
         c.data_type::text, c.is_nullable::text, c.character_maximum_length::int, c.numeric_precision::int,
         c.numeric_scale::int,
         col_description(format('%I.%I', c.table_schema, c.table_name)::regclass, c.ordinal_position) as remarks
  from information_schema.columns c where c.table_schema in ('sales', 'empty_one')
  union all select null, 'sales', 'totals', 'n', 1, 'super', null, null, null, null, null
  union all select null, 'sales', 'bound_late', 'x', 1, 'character varying', null, 7, null, null, null
  union all select null, 'sales', 'mv_tbl__totals__0', 'n', 1, 'bigint', null, null, null, null, null;
create view pg_catalog.svv_mv_info as
  select current_database()::char(128) as database_name, 'sales'::char(128) as schema_name, 'totals'::char(128) as name;
create view pg_catalog.pg_proc_info as
  select p.oid as prooid, p.proname, p.pronamespace, p.prokind from pg_proc p;
