"""Electricity meters: a sample of the half-hourly readings of one year, millions of them, in the order in which they arrived.

A NumPy table. A year of every half hour would be 175,200,000 rows; with fewer, all meters have equally many (to within one), spread over the year.
Simulated with whole numbers only, from tables of hours and months, so that every sum is exact and the same everywhere.
"""

from __future__ import annotations

import numpy as np

from companion.errors import SettingError

METERS = 10_000
REGIONS = ("EA", "NO", "SO", "WE")
#: of a hundred meters, how many are in each region
SHARES = (10, 40, 30, 20)
YEAR = 2025
ROW = np.dtype([("read_at", "M8[us]"), ("meter_id", "i4"), ("region", "S2"), ("watt_hours", "i4")])

# the same row in PostgreSQL's binary COPY format: a count of fields, then of each field its length and its value
_FIELDS = {"read_at": ">i8", "meter_id": ">i4", "region": "S2", "watt_hours": ">i4"}
_WIRE = np.dtype([("fields", ">i2"), *(f for n, t in _FIELDS.items() for f in ((f"{n}_length", ">i4"), (n, t)))])
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"

# watt-hours in half an hour: by hour of the day, and per cent of it by month
_HOURS = (120, 110, 105, 105, 110, 140, 210, 280, 260, 220, 200, 200, 220, 210, 200, 210, 250, 340, 400, 390, 350, 300, 220, 160)  # fmt: skip
_MONTHS = (135, 130, 115, 100, 85, 75, 70, 75, 85, 100, 120, 135)


def readings(rows: int, seed: int = 0) -> np.ndarray:
    """Readings of the whole year, shape (rows,), fields as in ROW, sorted by time (UTC).

    They are spread evenly over the year with some jitter; every meter reports in turn, so no meter has two readings at the
    same time. ``region`` belongs to the meter; ``watt_hours`` is what it counted in half an hour.

    Raises:
        SettingError: fewer than one row for each meter.
    """
    if rows < METERS:
        raise SettingError(f"rows must be at least {METERS} (one a meter), got {rows}")
    rng = np.random.default_rng(seed)
    start = np.datetime64(f"{YEAR}-01-01", "us")
    year = int((np.datetime64(f"{YEAR + 1}-01-01", "us") - start).astype(int))
    step = year // rows
    ticks = np.arange(rows, dtype=np.int64) * step
    ticks += rng.integers(0, step, rows)

    table = np.empty(rows, ROW)
    table["read_at"] = start + ticks.astype("m8[us]")
    turn = rng.permutation(METERS).astype(np.int32)
    table["meter_id"] = np.resize(turn, rows)
    table["region"] = np.array(REGIONS, "S2")[region_of(table["meter_id"])]
    hour = (ticks // 3_600_000_000) % 24
    month = table["read_at"].astype("M8[M]").astype(int) % 12
    usual = np.array(_HOURS, np.int32)[hour] * np.array(_MONTHS, np.int32)[month]
    table["watt_hours"] = usual * rng.integers(50, 151, rows, dtype=np.int32) // 10_000
    return table


def copy_rows(table: np.ndarray) -> bytes:
    """Rows of ``readings`` as a piece of PostgreSQL's binary COPY stream, which begins with COPY_HEADER and ends with
    COPY_TRAILER. Numbers are big-endian, times in microseconds since 2000.

    Source: PostgreSQL documentation, COPY, "Binary Format".
    """
    out = np.empty(len(table), _WIRE)
    out["fields"] = len(_FIELDS)
    for name in _FIELDS:
        out[f"{name}_length"] = _WIRE[name].itemsize
        value = table[name]
        out[name] = (value - np.datetime64("2000-01-01", "us")).astype(np.int64) if name == "read_at" else value
    return out.tobytes()


def region_of(meter_id: np.ndarray) -> np.ndarray:
    """Index into REGIONS of each meter: by its last two digits, so that the shares are exact."""
    return np.searchsorted(np.cumsum(SHARES), np.asarray(meter_id) % 100, side="right")
