"""What the harness asks of the book's entries, and of the notebooks' files as plain JSON (reading them costs a hundredth of a second)."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from companion import book, checkout
from companion.book import Chapter

NOTEBOOKS = checkout.folder("notebooks")


@cache
def cells(chapter: Chapter) -> tuple[dict, ...]:
    """The notebook's cells, each with ``cell_type``, ``source`` as one text, ``metadata``; none where there is no file yet."""
    path = NOTEBOOKS / chapter.file
    if not path.is_file():
        return ()
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return tuple({**cell, "source": "".join(cell["source"])} for cell in found)


def code(chapter: Chapter) -> list[dict]:
    """Its code cells that hold something."""
    return [cell for cell in cells(chapter) if cell["cell_type"] == "code" and cell["source"].strip()]


def marks(cell: dict) -> dict:
    """What nbgrader knows about a cell; an empty dictionary for a cell that is none of its own."""
    return cell["metadata"].get("nbgrader", {})


def seconds(chapter: Chapter) -> int:
    """How long the notebook took when its outputs were made; a minute where nobody has noted it."""
    stored = book.run_time(chapter)
    return int(stored.split()[0]) if stored != "-" else 60


def taught(chapter: Chapter) -> list[str]:
    """Sources of the taught code cells: those before and between the exercises."""
    return [cell["source"] for cell in code(chapter) if not marks(cell)]


def definitions(
    chapter: Chapter, keep: Callable[[ast.Assign], bool], without: str = "", **names: Any
) -> dict[str, Any]:
    """The taught cells' functions, classes and imports, and the assignments that ``keep`` says, beside what is given to them.

    Nothing else of the notebook runs. Cells in which the text ``without`` stands are left out.
    """
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    for source in taught(chapter):
        if not (without and without in source):
            nodes = [
                n for n in ast.parse(source).body if isinstance(n, kinds) or (isinstance(n, ast.Assign) and keep(n))
            ]
            exec(compile(ast.Module(nodes, []), "cell", "exec"), names)  # noqa: S102  (the project's own cells)
    return names


def defined(chapter: Chapter) -> dict[str, str]:
    """Source of each statement of the taught cells that gives something a name, by that name (of several, the last)."""
    found = {}
    for source in taught(chapter):
        for node in ast.parse(source).body:
            name: Any = node.targets[0] if isinstance(node, ast.Assign) else node
            name = name.elts[0] if isinstance(name, ast.Tuple) else name
            found[getattr(name, "name", getattr(name, "id", None))] = ast.get_source_segment(source, node) or ""
    return found


def raising(chapter: Chapter) -> set[str]:
    """Sources of the taught cells that are meant to end with an error."""
    return {cell["source"] for cell in code(chapter) if "raises-exception" in cell["metadata"].get("tags", [])}


def setup(chapter: Chapter) -> list[str]:
    """Sources of the cells that the exercises stand on."""
    return [cell["source"] for cell in cells(chapter) if "exercise-setup" in cell["metadata"].get("tags", [])]


def solutions(chapter: Chapter) -> dict[str, str]:
    """Source of each exercise's solution cell by its grade id."""
    return {marks(cell)["grade_id"]: cell["source"] for cell in cells(chapter) if marks(cell).get("solution")}


def tests(chapter: Chapter, exercise: str) -> list[str]:
    """Sources of the test cells that belong to an exercise."""
    return [
        cell["source"]
        for cell in cells(chapter)
        if marks(cell).get("grade") and marks(cell)["grade_id"].startswith(f"{exercise}-test")
    ]


def references(chapter: Chapter, **names: Any) -> dict[str, Any]:
    """What the exercises' set-up and the book's own solutions define, by name, beside what is given to them."""
    for source in [*setup(chapter), *solutions(chapter).values()]:
        exec(source, names)  # noqa: S102  (the project's own cells)
    return names


def printed_code(chapter: Chapter, heading: str) -> list[str]:
    """The Python that a section's prose shows in place of a cell."""
    (prose,) = (cell["source"] for cell in cells(chapter) if cell["source"].startswith(f"## {heading}"))
    return re.findall(r"^```python\n(.*?)^```", prose, re.MULTILINE | re.DOTALL)
