CREATE DATABASE $schema COMMENT 'the shop';
CREATE TABLE $schema.customer (id BIGINT COMMENT 'who buys', mail STRING, tags ARRAY<STRING>, address STRUCT<street: STRING, geo: STRUCT<x: DOUBLE, y: DOUBLE>>, extra MAP<STRING, ARRAY<INT>>, price DECIMAL(10,2), code CHAR(3), born DATE, seen TIMESTAMP, picture BINARY, active BOOLEAN) USING parquet COMMENT 'everyone who ever bought';
CREATE TABLE $schema.event (id INT, body STRING) PARTITIONED BY (day DATE, region STRING) STORED AS PARQUET;
CREATE VIEW $schema.adults (who COMMENT 'w') COMMENT 'grown up' AS SELECT id AS who FROM $schema.customer WHERE born < '2008-01-01';
