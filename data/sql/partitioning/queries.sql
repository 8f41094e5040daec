-- What is asked of the readings. {table} is put in as an identifier, %(name)s as a value: never pasted into the text.

-- name: month_total
SELECT count(*), sum(watt_hours)
FROM {table}
WHERE read_at >= %(start)s AND read_at < %(stop)s;

-- name: fingerprint
SELECT count(*), sum(hash_record_extended(ROW(read_at, meter_id, region, watt_hours), 0))
FROM {table};

-- name: difference
SELECT count(*) FROM (
    SELECT * FROM {left} WHERE read_at >= %(start)s AND read_at < %(stop)s
    EXCEPT ALL
    SELECT * FROM {right} WHERE read_at >= %(start)s AND read_at < %(stop)s
) AS only_left;

-- name: prepare
PREPARE month_of (timestamptz, timestamptz) AS
SELECT sum(watt_hours) FROM readings WHERE read_at >= $1 AND read_at < $2;

-- name: execute
EXECUTE month_of ({start}, {stop});

-- name: stable_function
SELECT sum(watt_hours) FROM readings
WHERE read_at >= current_setting('metering.start')::timestamptz
  AND read_at <  current_setting('metering.stop')::timestamptz;

-- name: incidents
CREATE TABLE incidents (began timestamptz NOT NULL, ended timestamptz NOT NULL, cause text NOT NULL);
INSERT INTO incidents VALUES
    ('2025-03-09 14:00+00', '2025-03-09 16:00+00', 'storm'),
    ('2025-08-17 03:00+00', '2025-08-17 05:00+00', 'substation');

-- name: subquery
SELECT sum(watt_hours) FROM readings
WHERE read_at >= (SELECT began FROM incidents WHERE cause = 'storm')
  AND read_at <  (SELECT ended FROM incidents WHERE cause = 'storm');

-- name: nested_loop
SELECT cause, sum(watt_hours)
FROM incidents JOIN readings ON read_at >= began AND read_at < ended
GROUP BY cause;

-- name: wrapped_in_a_function
SELECT sum(watt_hours) FROM readings WHERE date_trunc('month', read_at) = %(start)s;

-- name: cast
SELECT sum(watt_hours) FROM readings WHERE read_at::date BETWEEN %(start)s::date AND %(last)s::date;

-- name: volatile_function
SELECT sum(watt_hours) FROM readings
WHERE read_at >= %(start)s AND read_at < %(stop)s + random() * interval '0';

-- name: or_something_else
SELECT sum(watt_hours) FROM readings WHERE (read_at >= %(start)s AND read_at < %(stop)s) OR meter_id = -1;

-- name: one_meter
SELECT sum(watt_hours) FROM {table} WHERE meter_id = %(meter)s;

-- name: one_region
SELECT sum(watt_hours) FROM {table} WHERE region = %(region)s;

-- name: plans_made
SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE name = 'month_of';

-- name: locks
SELECT DISTINCT ON (relname) relname, regexp_replace(mode, 'Lock$', '')
FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE pid = pg_backend_pid() AND granted AND relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
ORDER BY relname, array_position(
    ARRAY['AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock',
          'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'], mode) DESC;

-- name: parents_statistics
SELECT count(*) FROM pg_stats WHERE schemaname = current_schema() AND tablename = 'readings' AND inherited;
