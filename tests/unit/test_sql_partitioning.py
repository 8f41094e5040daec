"""The meters, their COPY format, and the SQL files: what the notebook sql_partitioning stands on."""

import struct

import numpy as np
import psycopg
import pytest

from companion import DatasetError
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


@pytest.mark.slow
@pytest.mark.parametrize("file", ["queries", "upkeep"])
def test_every_statement_with_values_takes_them_beside_the_text(file):
    for name, text in sql.statements(f"partitioning/{file}").items():
        assert "'%" not in text and "%s'" not in text, f"{name}: a placeholder within quotes"
