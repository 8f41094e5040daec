-- What a partitioned table needs over the years. {partition} and {parent} are put in as identifiers.

-- name: impossible_key
ALTER TABLE readings ADD PRIMARY KEY (meter_id);

-- name: receipts
CREATE TABLE receipts (printed_on date NOT NULL, number integer NOT NULL, UNIQUE (number, printed_on)) PARTITION BY RANGE (printed_on);
CREATE TABLE receipts_2024 PARTITION OF receipts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE receipts_2025 PARTITION OF receipts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');

-- name: insert
INSERT INTO readings VALUES (%(read_at)s, %(meter_id)s, %(region)s, %(watt_hours)s);

-- name: out_of_the_default
ALTER TABLE readings DETACH PARTITION readings_default;
ALTER TABLE readings_default RENAME TO strays;
CREATE TABLE readings_default PARTITION OF readings DEFAULT;
SELECT ensure_months('readings', '2026-01-01', 1);
INSERT INTO readings SELECT * FROM strays;
DROP TABLE strays;

-- name: delete
DELETE FROM {table} WHERE read_at >= %(start)s AND read_at < %(stop)s;

-- name: detach
ALTER TABLE {parent} DETACH PARTITION {partition};

-- name: drop
DROP TABLE {partition};

-- name: standalone
CREATE TABLE {partition} (LIKE plain);

-- name: check
ALTER TABLE {partition} ADD CONSTRAINT {constraint} CHECK (read_at >= {start} AND read_at < {stop});

-- name: attach
ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({stop});
