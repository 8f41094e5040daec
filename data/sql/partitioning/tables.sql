-- The readings of electricity meters: once as one table, once in monthly partitions.

-- name: plain
CREATE TABLE plain (
    read_at    timestamptz NOT NULL,
    meter_id   integer     NOT NULL,
    region     text        NOT NULL,
    watt_hours integer     NOT NULL
);

-- name: readings
CREATE TABLE readings (LIKE plain) PARTITION BY RANGE (read_at);

-- name: default
CREATE TABLE readings_default PARTITION OF readings DEFAULT;

-- name: ensure_months
-- CREATE ... PARTITION OF would lock every reader of the parent out. A table on the side and ATTACH do not: the parent gets
-- SHARE UPDATE EXCLUSIVE, which readers and writers pass. Only a default partition is locked, so that its rows can be looked through.
CREATE FUNCTION ensure_months(parent regclass, first date, months integer) RETURNS integer
LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    created integer := 0;
    lower   date;
    upper   date;
    place   text;
    name    text;
    child   text;
BEGIN
    IF months NOT BETWEEN 1 AND 120 THEN
        RAISE EXCEPTION 'months must be from 1 to 120, got %', months;
    END IF;
    -- two jobs at once: the second waits, then finds everything made
    PERFORM pg_advisory_xact_lock('pg_class'::regclass::integer, parent::oid::integer);
    FOR n IN 0 .. months - 1 LOOP
        lower := date_trunc('month', first::timestamp) + make_interval(months => n);
        upper := lower + interval '1 month';
        SELECT nspname, relname || to_char(lower, '_YYYY_MM') INTO place, name
        FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace WHERE pg_class.oid = parent;
        IF octet_length(name) > 63 THEN
            RAISE EXCEPTION 'the name % is too long: PostgreSQL would cut it', name;
        END IF;
        child := format('%I.%I', place, name);
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY)', child, parent);
            EXECUTE format(
                'ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
                parent, child, lower::timestamptz, upper::timestamptz
            );
            created := created + 1;
        ELSIF NOT EXISTS (  -- a table of that name is not yet the month: it has to hang on this parent, with these bounds
            SELECT FROM pg_inherits
            JOIN pg_class AS c ON c.oid = inhrelid
            CROSS JOIN regexp_match(pg_get_expr(relpartbound, c.oid), '^FOR VALUES FROM \(''([^'']+)''\) TO \(''([^'']+)''\)$') AS ends
            WHERE inhrelid = to_regclass(child) AND inhparent = parent AND NOT inhdetachpending
              AND ends[1]::timestamptz = lower AND ends[2]::timestamptz = upper
        ) THEN
            RAISE EXCEPTION '% is there, but is not the partition of % from % to %', to_regclass(child), parent, lower, upper
                USING ERRCODE = 'duplicate_table', HINT = 'Attach it, or rename it, and run this again.';
        END IF;
    END LOOP;
    RETURN created;
END
$$;

-- name: partitions
SELECT c.relname AS partition, pg_get_expr(c.relpartbound, c.oid) AS bound
FROM pg_partition_tree(%(parent)s::regclass) AS tree
JOIN pg_class AS c ON c.oid = tree.relid
WHERE tree.isleaf
ORDER BY c.relname COLLATE "C";

-- name: by_region
CREATE TABLE by_region (LIKE plain) PARTITION BY LIST (region);
CREATE TABLE by_region_north PARTITION OF by_region FOR VALUES IN ('NO');
CREATE TABLE by_region_south PARTITION OF by_region FOR VALUES IN ('SO');
CREATE TABLE by_region_sides PARTITION OF by_region FOR VALUES IN ('EA', 'WE');

-- name: by_meter
CREATE TABLE by_meter (LIKE plain) PARTITION BY HASH (meter_id);
CREATE TABLE by_meter_0 PARTITION OF by_meter FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE by_meter_1 PARTITION OF by_meter FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE by_meter_2 PARTITION OF by_meter FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE by_meter_3 PARTITION OF by_meter FOR VALUES WITH (MODULUS 4, REMAINDER 3);

-- name: by_both
CREATE TABLE by_both (LIKE plain) PARTITION BY RANGE (read_at);
CREATE TABLE by_both_h1 PARTITION OF by_both
    FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2025-07-01 00:00+00') PARTITION BY HASH (meter_id);
CREATE TABLE by_both_h2 PARTITION OF by_both
    FOR VALUES FROM ('2025-07-01 00:00+00') TO ('2026-01-01 00:00+00') PARTITION BY HASH (meter_id);
CREATE TABLE by_both_h1_0 PARTITION OF by_both_h1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_both_h1_1 PARTITION OF by_both_h1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE by_both_h2_0 PARTITION OF by_both_h2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_both_h2_1 PARTITION OF by_both_h2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
