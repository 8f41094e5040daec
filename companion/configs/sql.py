"""The SQL of the book: it stands in files under ``data/sql/``, and the notebooks run those."""

from __future__ import annotations

import re

from companion import checkout
from companion.errors import DatasetError, SettingError


def statements(name: str) -> dict[str, str]:
    """The statements of one file by their names, in its order.

    A statement begins with a line ``-- name: month_total`` and goes on to the next such line.

    Args:
        name: path below ``data/sql/`` without its ending, such as ``partitioning/tables``.

    Raises:
        SettingError: there is no such file.
        DatasetError: there is no named statement in it, or a name twice.
    """
    path = checkout.folder("data/sql") / f"{name}.sql"
    if not path.is_file():
        raise SettingError(f"there is no SQL file data/sql/{name}.sql")
    _, *parts = re.split(r"^-- name: *(\w+) *$", path.read_text(encoding="utf-8"), flags=re.M)
    names = parts[::2]
    if not names or len(set(names)) < len(names):
        raise DatasetError(f"data/sql/{name}.sql must hold statements with one name each, by lines '-- name: ...'.")
    return {key: text.strip() for key, text in zip(names, parts[1::2], strict=True)}


def show(statement: str) -> None:
    """Display a statement in SQL's colours."""
    from IPython.display import Markdown, display

    display(Markdown(f"```sql\n{statement}\n```"))
