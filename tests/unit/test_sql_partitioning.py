"""The meters, their COPY format, and the SQL files: what the notebook sql_partitioning stands on."""

import re
import struct
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest
from harness import chapters
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from processes import until
from psycopg.sql import SQL, Identifier, Literal

from companion import DatasetError
from companion.book import chapter
from companion.configs import sql
from companion.datasets import meters
from companion.errors import SettingError


def test_readings_are_the_same_for_the_same_seed_and_spread_over_the_year():
    table = meters.readings(50_000, seed=3)
    assert table.dtype == meters.ROW and np.array_equal(table, meters.readings(50_000, seed=3))
    assert not np.array_equal(table["watt_hours"], meters.readings(50_000, seed=4)["watt_hours"])
    assert np.all(np.diff(table["read_at"]).astype(int) > 0), "in the order of time, no two at once"
    assert {str(day.astype("M8[Y]")) for day in table["read_at"][[0, -1]]} == {"2025"}
    assert np.all(np.bincount(table["meter_id"]) == 5) and (table["watt_hours"] > 0).all()


def test_the_planted_shares_of_the_regions_are_exact():
    shares = np.bincount(meters.region_of(np.arange(meters.METERS))) / meters.METERS
    assert [*shares] == [share / 100 for share in meters.SHARES]


def test_too_few_rows_are_told():
    with pytest.raises(SettingError, match="at least 10000"):
        meters.readings(10)


def test_a_row_on_the_wire_is_what_the_documentation_says():
    row = meters.readings(10_000)[:1]
    micros = int((row["read_at"][0] - np.datetime64("2000-01-01", "us")).astype(int))
    expected = struct.pack(
        ">hiqiii2sii", 4, 8, micros, 4, row["meter_id"][0], 2, bytes(row["region"][0]), 4, row["watt_hours"][0]
    )
    assert meters.copy_rows(row) == expected


def test_an_sql_file_that_is_not_there_is_named():
    with pytest.raises(SettingError, match=r"no SQL file data/sql/partitioning/nonsense\.sql"):
        sql.statements("partitioning/nonsense")


def test_a_name_twice_or_none_is_told(tmp_path, monkeypatch):
    (tmp_path / "data" / "sql").mkdir(parents=True)
    monkeypatch.setattr(sql.checkout, "folder", lambda name: tmp_path / name)
    for text in ("SELECT 1;", "-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;"):
        (tmp_path / "data" / "sql" / "x.sql").write_text(text)
        with pytest.raises(DatasetError, match="one name each"):
            sql.statements("x")
    (tmp_path / "data" / "sql" / "x.sql").write_text("-- a comment\n-- name: a\nSELECT 1;\n\n-- name: b\nSELECT 2;\n")
    assert sql.statements("x") == {"a": "SELECT 1;", "b": "SELECT 2;"}


# on a real server


@pytest.fixture
def tables(database):
    """The partitioned table, empty, in a schema of the test's own."""
    database.execute("DROP SCHEMA IF EXISTS t CASCADE; CREATE SCHEMA t; SET search_path = t")
    tables = sql.statements("partitioning/tables")
    for name in ("plain", "readings", "default", "ensure_months"):
        database.execute(tables[name])
    return tables


def ensure(database, first: str, months: int) -> int:
    return database.execute("SELECT ensure_months('readings', %s, %s)", (first, months)).fetchone()[0]


@pytest.mark.slow
def test_copied_rows_come_back_as_they_were(database, tables):
    rows = meters.readings(20_000, seed=1)
    with database.cursor().copy("COPY plain FROM STDIN (FORMAT BINARY)") as copy:
        for piece in (meters.COPY_HEADER, meters.copy_rows(rows[:7]), meters.copy_rows(rows[7:]), meters.COPY_TRAILER):
            copy.write(piece)
    stored = database.execute("SELECT * FROM plain ORDER BY read_at").fetchall()
    assert len(stored) == len(rows)
    for (at, meter, region, energy), row in zip(stored[::997], rows[::997], strict=True):
        assert (np.datetime64(at.replace(tzinfo=None), "us"), meter, region.encode(), energy) == tuple(
            row[name] for name in meters.ROW.names
        )


@pytest.mark.slow
def test_ensure_months_makes_what_is_missing_and_nothing_twice(database, tables):
    assert ensure(database, "2025-11-17", 3) == 3, "from the month that holds the day, over the end of the year"
    assert ensure(database, "2025-12-31", 3) == 1
    assert [name for name, _ in database.execute(tables["partitions"], {"parent": "readings"})] == [
        "readings_2025_11", "readings_2025_12", "readings_2026_01", "readings_2026_02", "readings_default"
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("months", [0, -1, 121])
def test_a_nonsense_number_of_months_is_told(database, tables, months):
    with pytest.raises(psycopg.errors.RaiseException, match=f"months must be from 1 to 120, got {months}"):
        ensure(database, "2025-01-01", months)


@pytest.mark.slow
def test_months_are_those_of_utc_wherever_the_session_is(database, tables):
    with database.transaction():
        database.execute("SET LOCAL timezone = 'Pacific/Auckland'")
        ensure(database, "2025-01-01", 1)
    (bound,) = [b for n, b in database.execute(tables["partitions"], {"parent": "readings"}) if n == "readings_2025_01"]
    assert bound == "FOR VALUES FROM ('2025-01-01 00:00:00+00') TO ('2025-02-01 00:00:00+00')"


@pytest.mark.slow
def test_a_name_that_needs_quotes_is_no_obstacle(database, tables):
    database.execute('CREATE TABLE "Odd; name" (at timestamptz) PARTITION BY RANGE (at)')
    assert database.execute("SELECT ensure_months('\"Odd; name\"', '2025-01-01', 2)").fetchone() == (2,)


def stranger(database) -> psycopg.Connection:
    """Another session in the test's schema."""
    return psycopg.connect(
        database.info.dsn,
        password=database.info.password,
        autocommit=True,
        options="-c search_path=t -c lock_timeout=300",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE readings_2025_05 (LIKE plain)",
        "CREATE VIEW readings_2025_05 AS SELECT * FROM plain",
        "CREATE TABLE readings_2025_05 PARTITION OF readings FOR VALUES FROM ('2025-06-01+00') TO ('2025-07-01+00')",
        "CREATE TABLE readings_2025_05 PARTITION OF readings FOR VALUES FROM ('2025-05-01+00') TO ('2025-05-31+00')",
        "CREATE TABLE readings_2025_05 PARTITION OF readings FOR VALUES FROM ('2025-05-01+00') TO (MAXVALUE)",
        "CREATE TABLE others (LIKE plain) PARTITION BY RANGE (read_at);"
        "CREATE TABLE readings_2025_05 PARTITION OF others FOR VALUES FROM ('2025-05-01+00') TO ('2025-06-01+00')",
    ],
    ids=["standalone", "view", "another month", "a day short", "open above", "another parent"],
)
def test_a_table_of_the_right_name_is_not_taken_for_the_month(database, tables, made):
    database.execute(made)
    with pytest.raises(psycopg.errors.DuplicateTable, match="readings_2025_05 is there, but is not the partition of"):
        ensure(database, "2024-01-01", 17)
    assert database.execute("SELECT to_regclass('readings_2024_01')").fetchone() == (None,), "all of them or none"


@pytest.mark.slow
def test_a_detach_that_was_broken_off_is_not_taken_for_the_month(database, tables):
    database.execute("DROP TABLE readings_default")
    ensure(database, "2025-05-01", 1)
    with ThreadPoolExecutor(1) as pool, stranger(database) as reader, stranger(database) as job:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM readings")
        job.execute("SET lock_timeout = 0")
        detach = pool.submit(job.execute, "ALTER TABLE readings DETACH PARTITION readings_2025_05 CONCURRENTLY")
        assert until(lambda: database.execute("SELECT FROM pg_inherits WHERE inhdetachpending").fetchall())
        database.execute("SELECT pg_cancel_backend(%s)", (job.info.backend_pid,))
        with pytest.raises(psycopg.errors.QueryCanceled):
            detach.result()
    with pytest.raises(psycopg.errors.DuplicateTable, match="readings_2025_05 is there"):
        ensure(database, "2025-05-01", 1)


@pytest.mark.slow
def test_a_name_that_postgresql_would_cut_is_refused(database, tables):
    long = "r" * 60
    database.execute(f"CREATE TABLE {long} (LIKE plain) PARTITION BY RANGE (read_at)")
    with pytest.raises(psycopg.errors.RaiseException, match="too long"):
        database.execute("SELECT ensure_months(%s, '2025-01-01', 12)", (long,))


@pytest.mark.slow
@pytest.mark.parametrize("style", ["ISO, MDY", "SQL, DMY", "German", "Postgres, MDY"])
@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_the_second_run_knows_its_months_by_any_style_of_dates(database, tables, style, kind):
    with database.transaction():
        database.execute(f"SET LOCAL datestyle = '{style}'; SET LOCAL timezone = 'America/St_Johns'")
        database.execute(f"CREATE TABLE other (at {kind} NOT NULL) PARTITION BY RANGE (at)")
        made = [database.execute("SELECT ensure_months('other', '2025-02-03', 12)").fetchone()[0] for _ in range(2)]
    assert made == [12, 0]
    (bound,) = [b for n, b in database.execute(tables["partitions"], {"parent": "other"}) if n == "other_2025_02"]
    assert re.findall(r"\d{4}-\d\d-\d\d", bound) == ["2025-02-01", "2025-03-01"]


@pytest.mark.slow
def test_what_the_parent_has_a_new_month_has_as_well(database, tables):
    database.execute(
        "CREATE TABLE rich (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, x integer DEFAULT 7 CHECK (x > 0),"
        " twice integer GENERATED ALWAYS AS (x * 2) STORED, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE INDEX ON rich (x)"
    )
    database.execute("SELECT ensure_months('rich', '2025-01-01', 2)")
    database.execute("INSERT INTO rich (at) VALUES ('2025-01-05'), ('2025-02-05')")
    assert database.execute("SELECT id, x, twice, tableoid::regclass::text FROM rich ORDER BY id").fetchall() == [
        (1, 7, 14, "rich_2025_01"), (2, 7, 14, "rich_2025_02")
    ]  # fmt: skip
    assert database.execute("SELECT count(*) FROM pg_index WHERE indrelid = 'rich_2025_01'::regclass").fetchone() == (
        2,
    )


@pytest.mark.slow
def test_the_nightly_job_neither_waits_for_a_report_nor_makes_readers_wait(database, tables):
    ensure(database, "2025-01-01", 2)
    question = "SELECT count(*) FROM readings WHERE read_at BETWEEN '2025-01-14' AND '2025-01-15'"
    with stranger(database) as report, stranger(database) as job, stranger(database) as reader:
        report.execute("BEGIN")
        report.execute(question)
        job.execute("BEGIN")
        job.execute("SELECT ensure_months('readings', '2025-03-01', 1)")
        assert reader.execute(question).fetchone() == (0,), "while the job's transaction is open"
        job.execute("COMMIT")
        # prove by breaking: what stood there before waits for the report
        with pytest.raises(psycopg.errors.LockNotAvailable):
            job.execute("CREATE TABLE x PARTITION OF readings FOR VALUES FROM ('2025-04-01+00') TO ('2025-05-01+00')")


@pytest.mark.slow
def test_strays_leave_the_default_while_readers_go_on(database, tables):
    upkeep = sql.statements("partitioning/upkeep")["out_of_the_default"]
    database.execute(
        "INSERT INTO readings VALUES ('2026-01-01', 1, 'NO', 5), ('2026-01-31', 2, 'NO', 6), ('2026-02-01', 3, 'NO', 7)"
    )
    parts = {
        "partition": Identifier("readings_2026_01"),
        "start": Literal("2026-01-01+00"),
        "stop": Literal("2026-02-01+00"),
    }
    move, _, attach = SQL(upkeep).format(**parts).as_string().rpartition("ALTER TABLE")
    with stranger(database) as reader, stranger(database) as writer, database.transaction():
        database.execute(move)
        assert reader.execute("SELECT count(*) FROM readings").fetchone() == (3,), "readers see it as it was"
        with pytest.raises(psycopg.errors.LockNotAvailable):
            writer.execute("INSERT INTO readings VALUES ('2026-01-15', 1, 'NO', 5)")
        database.execute("ALTER TABLE" + attach)
    where = database.execute("SELECT meter_id, tableoid::regclass::text FROM readings ORDER BY 1").fetchall()
    assert where == [(1, "readings_2026_01"), (2, "readings_2026_01"), (3, "readings_default")]
    assert ensure(database, "2026-01-01", 1) == 0


@pytest.mark.slow
def test_four_jobs_at_once_make_each_month_once(database, tables):
    def job(_: int) -> int:
        with stranger(database) as session:
            session.execute("SET lock_timeout = '30s'")
            return ensure(session, "2026-02-01", 3)

    with ThreadPoolExecutor(4) as jobs:
        assert sorted(jobs.map(job, range(4))) == [0, 0, 0, 3]


# the exercises' own answers, by their statements


def own_answers(**names) -> dict:
    """What the book's own solutions define."""
    space = {
        "SQL": SQL,
        "Identifier": Identifier,
        "Literal": Literal,
        "UTC": UTC,
        "date": date,
        "datetime": datetime,
        **names,
    }
    for source in chapters.solutions(chapter("sql_partitioning")).values():
        exec(source, space)  # noqa: S102  (the project's own cells)
    return space


def _node(name: str | None, loops: int, below: list[tuple[dict, set]]) -> tuple[dict, set]:
    plan = {"Node Type": "?", "Actual Loops": loops} | ({"Relation Name": name} if name else {})
    own = {name} if name and loops else set()
    return plan | ({"Plans": [p for p, _ in below]} if below else {}), own.union(*(names for _, names in below))


_NAMES, _LOOPS = st.none() | st.sampled_from("abcdef"), st.integers(0, 3)
_LEAVES = st.builds(_node, _NAMES, _LOOPS, st.just([]))
TREES = st.recursive(
    _LEAVES, lambda below: st.builds(_node, _NAMES, _LOOPS, st.lists(below, max_size=3)), max_leaves=12
)


@pytest.fixture
def visits(database, tables):
    """The exercises' table, empty but for its default."""
    database.execute("CREATE TABLE visits (at timestamptz NOT NULL) PARTITION BY RANGE (at)")
    database.execute("CREATE TABLE visits_default PARTITION OF visits DEFAULT")
    return database


@given(TREES)
def test_executed_names_the_tables_of_the_nodes_that_ran(tree):
    plan, expected = tree
    assert own_answers()["executed"](plan) == expected


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2024, 2026), st.integers(1, 12), st.lists(st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 31))))
@example(2024, 11, [])
@example(2026, 12, [])
def test_visits_are_counted_and_routed_by_their_month(visits, year, month, others):
    own = own_answers(lab=visits)
    name, edges = (
        f"visits_{year}_{month:02d}",
        [datetime(year, month, 1), datetime(year + month // 12, month % 12 + 1, 1)],
    )
    at = [*others, *edges, *(edge - timedelta(microseconds=1) for edge in edges)]
    inside = sum((a.year, a.month) == (year, month) for a in at)
    with visits.transaction(force_rollback=True):
        own["add_month"](year, month)
        visits.cursor().executemany("INSERT INTO visits VALUES (%s)", [(a.replace(tzinfo=UTC),) for a in at])
        assert visits.execute(*own["month_query"](year, month)).fetchone() == (inside,)
        assert visits.execute(SQL("SELECT count(*) FROM {}").format(Identifier(name))).fetchone() == (inside,)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keep_from=st.dates(date(2023, 12, 1), date(2025, 2, 1)) | st.sampled_from([date(2024, m, 1) for m in range(1, 13)])
)
def test_retired_is_what_lies_wholly_before(visits, keep_from):
    with visits.transaction(force_rollback=True):
        visits.execute("SELECT ensure_months('visits', '2024-01-01', 12)")
        bounds = [(f"visits_2024_{m:02d}", date(2024, m, 1), date(2024 + m // 12, m % 12 + 1, 1)) for m in range(1, 13)]
        retired = own_answers(lab=visits, bounds=lambda: bounds)["retire"](keep_from)
        assert sorted(retired) == [name for name, _, stop in bounds if stop <= keep_from]
        left = [n for n, _ in visits.execute(sql.statements("partitioning/tables")["partitions"], {"parent": "visits"})]
        assert left == [*sorted({name for name, *_ in bounds} - set(retired)), "visits_default"]


@pytest.mark.slow
@pytest.mark.parametrize("file", ["queries", "upkeep"])
def test_every_statement_with_values_takes_them_beside_the_text(file):
    for name, text in sql.statements(f"partitioning/{file}").items():
        assert "'%" not in text and "%s'" not in text, f"{name}: a placeholder within quotes"
