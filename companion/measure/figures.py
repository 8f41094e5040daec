"""What the book has measured: the figures that its notebooks recorded when their outputs were made, each with its machine.

``make notebooks`` keeps them in a notebook's metadata (``companion.recorded`` and ``companion.machine``), rounded to three digits.
They change only when a notebook is executed again.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from companion import book
from companion.errors import DatasetError, SettingError
from companion.measure.timing import Timing

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("notebook", "value", "unit", "machine", "runs")


def recorded(*names: str) -> pd.DataFrame:
    """The figures with these names, in this order; without names all of them, in the order of the book.

    Returns:
        a frame by name (``dask_audio.speedup_2_workers``), with the columns ``notebook``, ``value``, ``unit``, ``machine`` (cores, architecture,
        system, memory, Python) and ``runs``: the single values behind the median where the figure is a timing, else the value alone.

    Raises:
        SettingError: no notebook has recorded one of the names.
        DatasetError: the book's notebooks are not here, as in an installed package.
    """
    import pandas as pd

    rows = {name: row for chapter in book.BOOK for name, row in _of(chapter)}
    for name in names:
        if name not in rows:
            near = difflib.get_close_matches(name, rows, n=3, cutoff=0.5)
            hint = f"there is {', '.join(near)}" if near else "nothing of a similar name is"
            raise SettingError(
                f"no notebook has recorded {name!r}; {hint}. `make notebooks NAME={name.partition('.')[0]}` records"
            )
    chosen = {name: rows[name] for name in names or rows}
    return pd.DataFrame.from_dict(chosen, orient="index", columns=list(COLUMNS)).rename_axis("name")


def runs_of(name: str) -> Timing:
    """The recorded timing of that name, run by run; errors as of :func:`recorded`."""
    return Timing(tuple(recorded(name)["runs"].iloc[0]))


def _of(chapter: book.Chapter) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if book.folder() is None:
        raise DatasetError(
            "the recorded figures stand in the book's notebooks, and they are not here: work in a checkout of the book"
        )
    kept = book.noted(chapter)
    for figure in kept.get("recorded", ()):
        runs = tuple(figure.get("runs", (figure["value"],)))
        yield figure["name"], (chapter.name, figure["value"], figure["unit"], kept.get("machine", "unknown"), runs)
