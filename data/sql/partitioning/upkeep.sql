-- What a partitioned table needs over the years. {partition} and {parent} are put in as identifiers.

-- name: impossible_key
ALTER TABLE readings ADD PRIMARY KEY (meter_id);

-- name: receipts
CREATE TABLE receipts (printed_on date NOT NULL, number integer NOT NULL, UNIQUE (number, printed_on)) PARTITION BY RANGE (printed_on);
CREATE TABLE receipts_2024 PARTITION OF receipts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE receipts_2025 PARTITION OF receipts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');

-- name: insert
INSERT INTO readings VALUES (%(read_at)s, %(meter_id)s, %(region)s, %(watt_hours)s);

-- name: partition_of
CREATE TABLE {partition} PARTITION OF {parent} FOR VALUES FROM ({start}) TO ({stop});

-- name: like_and_attach
CREATE TABLE {partition} (LIKE {parent} INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY);
ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({stop});

-- name: out_of_the_default
-- In one transaction. Readers go on until ATTACH looks through the default; whoever writes into the default waits from here on.
LOCK TABLE readings_default IN SHARE ROW EXCLUSIVE MODE;
CREATE TABLE {partition} (LIKE readings INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY);
WITH strays AS (DELETE FROM readings_default WHERE read_at >= {start} AND read_at < {stop} RETURNING *)
INSERT INTO {partition} SELECT * FROM strays;
ALTER TABLE readings ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({stop});

-- name: none_in_the_default
ALTER TABLE readings_default ADD CONSTRAINT {constraint} CHECK (NOT (read_at >= {start} AND read_at < {stop})) NOT VALID;

-- name: validate
ALTER TABLE {table} VALIDATE CONSTRAINT {constraint};

-- name: delete
DELETE FROM {table} WHERE read_at >= %(start)s AND read_at < %(stop)s;

-- name: detach
ALTER TABLE {parent} DETACH PARTITION {partition};

-- name: detach_concurrently
ALTER TABLE {parent} DETACH PARTITION {partition} CONCURRENTLY;

-- name: drop
DROP TABLE {partition};

-- name: standalone
CREATE TABLE {partition} (LIKE plain);

-- name: check
ALTER TABLE {partition} ADD CONSTRAINT {constraint} CHECK (read_at >= {start} AND read_at < {stop});

-- name: attach
ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({stop});
