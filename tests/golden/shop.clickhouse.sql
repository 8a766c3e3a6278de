CREATE DATABASE $schema COMMENT 'the shop';
CREATE TABLE $schema.customer (id UInt64 COMMENT 'who buys', mail String, born Nullable(Date32), score Decimal(10, 2), code FixedString(3), kind Enum8('private' = 1, 'business, or so' = 2), tags Array(LowCardinality(String)), extra Map(String, Array(UInt8)), address Tuple(street String, geo Tuple(x Float64, y Float64)), pair Tuple(Int8, Nullable(String)), line Nested(sku String, amount Int32), u UUID, ip IPv4, doc JSON, either Variant(Int8, String), state AggregateFunction(sum, UInt64), top SimpleAggregateFunction(max, Int64), active Bool) ENGINE = MergeTree ORDER BY id COMMENT 'everyone who ever bought';
CREATE TABLE $schema.event (at DateTime64(3, 'UTC'), day Date, region String, v Int32) ENGINE = MergeTree PARTITION BY (toYYYYMM(at), region) ORDER BY at;
CREATE TABLE $schema.`a.b > "c" :: d` (`c.1 > "::` Int8) ENGINE = Memory;
CREATE VIEW $schema.adults AS SELECT id, mail FROM $schema.customer WHERE born < '2000-01-01';
CREATE MATERIALIZED VIEW $schema.daily ENGINE = MergeTree ORDER BY day AS SELECT day, count() AS n FROM $schema.event GROUP BY day;
