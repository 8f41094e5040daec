"""The chart of NEWS2 (Royal College of Physicians, 2017, chart 1) typed a second time, a reading a row: both sides of every cut.

It is no table with cuts, on purpose: a slip in the notebook's table, or in what reads it, is not repeated here.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One reading and its points; ``scale2`` and ``oxygen`` matter for the saturation alone."""

    parameter: str
    value: float
    points: int
    scale2: bool = False
    oxygen: bool = False


def _cases(parameter: str, pairs: str, **circumstances: bool) -> tuple[Case, ...]:
    split = (pair.split(":") for pair in pairs.split())
    return tuple(Case(parameter, float(value), int(points), **circumstances) for value, points in split)


CASES: tuple[Case, ...] = (
    *_cases("respiration", "3:3 8:3 9:1 11:1 12:0 20:0 21:2 24:2 25:3 60:3"),
    *_cases("saturation", "50:3 91:3 92:2 93:2 94:1 95:1 96:0 100:0"),
    *_cases("saturation", "50:3 91:3 92:2 93:2 94:1 95:1 96:0 100:0", oxygen=True),
    *_cases("saturation", "50:3 83:3 84:2 85:2 86:1 87:1 88:0 89:0 92:0 93:0 94:0 95:0 96:0 97:0 100:0", scale2=True),
    *_cases(
        "saturation",
        "50:3 83:3 84:2 85:2 86:1 87:1 88:0 89:0 92:0 93:1 94:1 95:2 96:2 97:3 100:3",
        scale2=True,
        oxygen=True,
    ),
    *_cases("pressure", "40:3 90:3 91:2 100:2 101:1 110:1 111:0 219:0 220:3 260:3"),
    *_cases("pulse", "20:3 40:3 41:1 50:1 51:0 90:0 91:1 110:1 111:2 130:2 131:3 220:3"),
    *_cases("temperature", "33.0:3 35.0:3 35.1:1 36.0:1 36.1:0 38.0:0 38.1:1 39.0:1 39.1:2 42.0:2"),
)


def slips(table: dict[str, tuple]) -> list[dict[str, tuple]]:
    """Every table with one cut moved by one unit of its chart, either way (a tenth of a degree, else 1).

    Args:
        table: rows of points and cuts in turn, such as ``(3, 8, 1, 11, 0)``.
    """
    return [
        table
        | {name: (*row[:place], round(row[place] + sign * (0.1 if name == "temperature" else 1), 1), *row[place + 1 :])}
        for name, row in table.items()
        for place in range(1, len(row), 2)
        for sign in (-1, 1)
    ]
