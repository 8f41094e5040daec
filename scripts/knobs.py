"""A notebook's knob: the one number in it that says how much data it takes, for machines with more room.

A cell with the tag ``knob`` has it in a line of its own, such as ``CLIPS = 600  # more data for more machines``. All that follows in
the notebook follows from it, so that another number there is another size of the whole. Where the data end, the line says so:
``SHOTS = 8  # more data for more machines (at most 85)``.
"""

import re
from dataclasses import dataclass
from typing import Any

from companion.book import Chapter
from companion.errors import DatasetError

TAG = "knob"
_LINE = re.compile(
    r"^(?P<name>[A-Z][A-Z_]*) = (?P<value>\d[\d_]*)  # more data for more machines(?: \(at most (?P<most>[\d_]+)\))?$",
    re.M,
)
#: what grows with data and machines: everything on these engines, and these. Not a unit as a whole: the skeleton of a new notebook
#: has no data to turn up yet, and passes every check in any unit
_ENGINES, _NAMES = (
    {"dask", "spark"},
    {
        "case_google_bert",
        "multiprocessing_images",
        "multiprocessing_text",
        "case_chevron_seismic",
        "case_facebook_prophet",
        "sql_partitioning",
    },
)


@dataclass(frozen=True)
class Knob:
    """Its name, the number that the notebook is stored with, and the largest that it takes, where there is one."""

    name: str
    value: int
    most: int | None = None


def belongs(chapter: Chapter) -> bool:
    """Whether the notebook's work grows with data and machines: then it must have a knob."""
    return bool(_ENGINES & set(chapter.engines)) or chapter.name in _NAMES


def of(notebook: Any) -> Knob:
    """The notebook's knob.

    Raises:
        DatasetError: it has none, or several.
    """
    line = _LINE.search(_cell(notebook).source)
    assert line is not None  # it is how the cell was found
    return Knob(line["name"], int(line["value"]), int(line["most"]) if line["most"] else None)


def turn(notebook: Any, value: int) -> None:
    """Set the knob of a notebook in memory; errors as of :func:`of`."""
    cell = _cell(notebook)
    cell.source = _LINE.sub(lambda line: line[0].replace(f"= {line['value']} ", f"= {value:_} ", 1), cell.source)


def _cell(notebook: Any) -> Any:
    tagged = [cell for cell in notebook.cells if TAG in cell.metadata.get("tags", [])]
    if len(tagged) != 1 or len(list(_LINE.finditer(tagged[0].source))) != 1:
        raise DatasetError(
            "a notebook has one cell tagged `knob`, with one line such as `CLIPS = 600  # more data for more machines`; "
            f"this one has {len(tagged)} such cells"
        )
    return tagged[0]
