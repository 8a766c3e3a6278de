CREATE TABLE customer (
  id INTEGER PRIMARY KEY, email VARCHAR(120) NOT NULL UNIQUE, born DATE, score DECIMAL(10,2), anything, odd WONDER,
  first TEXT, last TEXT, loud TEXT GENERATED ALWAYS AS (upper(first)) VIRTUAL, UNIQUE (first, last)
);
CREATE TABLE orders (
  customer INTEGER NOT NULL REFERENCES customer, line INT, first TEXT, last TEXT,
  PRIMARY KEY (customer, line), FOREIGN KEY (first, last) REFERENCES customer (first, last)
) WITHOUT ROWID;
CREATE TABLE "A.b > ""c"" :: größe" ("c.1 > ""::" INT PRIMARY KEY, "d" BLOB);
CREATE UNIQUE INDEX by_expression ON customer (lower(email));
CREATE VIEW adults AS SELECT id, email FROM customer WHERE born < '2000-01-01';
