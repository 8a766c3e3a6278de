-- A small shop that Postgres, Cockroach and Redshift could all hold.
create schema sales;
create schema empty_one;
comment on schema sales is 'Orders and what belongs to them';
create table sales.customer (
  id bigint primary key,
  mail varchar(120) not null unique,
  born date,
  seen timestamp with time zone,
  score decimal(6,2),
  active boolean not null default true
);
comment on table sales.customer is 'People who buy';
comment on column sales.customer.mail is 'where to write';
create table sales.product (region int, sku varchar(20), title text, primary key (region, sku), unique (sku, region));
create table sales.orders (
  id bigint primary key references sales.customer (id),
  product_sku varchar(20),
  product_region int,
  foreign key (product_sku, product_region) references sales.product (sku, region)
);
create table sales.unkeyed (rowid bigint primary key, v int);
create view sales.adults as select id, mail from sales.customer where born < '2000-01-01';
create materialized view sales.totals as select count(*) as n from sales.orders;
create function sales.one() returns int language sql as 'select 1';
create function sales.one(x int) returns int language sql as 'select x';
