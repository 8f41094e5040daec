"""Where a notebook stands in the book: in its list, with its navigation, by the book's one name for an engine, with a data card."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from companion import engines
from companion.check.faults import Rule, Subject, tags

GENERATED = ("generated-top", "generated-facts", "generated-bottom")


def listed(subject: Subject) -> Rule:
    """The book's list has it, and the cells that follow from the list stand where they belong."""
    if subject.chapter is None:
        yield subject.fault("in-book", "notebook", "the book's list (companion/book.py) has no such file")
    cells = subject.notebook.cells
    found = tuple(cells[place].get("id") for place in (0, 2, -1)) if len(cells) > 3 else ()
    if found != GENERATED or any("generated" not in tags(cells[place]) for place in (0, 2, -1)):
        yield subject.fault("navigation", "notebook", "its navigation is missing or not in its place")


def engine_names(subject: Subject) -> Rule:
    """``from companion.engines import redis as redis_engine``, in every notebook alike."""
    for cell in subject.code:
        for engine, name in imported_engines(cell):
            if name != f"{engine}_engine":
                yield subject.fault("engine-name", cell, f"the engine module {engine} is called {name}")


def imported_engines(cell: Any) -> Iterator[tuple[str, str]]:
    """(engine, the name it gets) for each engine module that a cell imports."""
    for node in statements(cell):
        if isinstance(node, ast.ImportFrom) and node.module == "companion.engines":
            yield from ((n.name, n.asname or n.name) for n in node.names if n.name in engines.NAMES)
        elif isinstance(node, ast.Import):
            for name in node.names:
                engine = name.name.removeprefix("companion.engines.")
                if engine != name.name and engine in engines.NAMES:
                    yield engine, name.asname or name.name


def statements(cell: Any) -> Iterator[ast.AST]:
    """Every node of a cell's Python; nothing where it is none (an error that is meant)."""
    source = "\n".join("" if line.startswith(("%", "!")) else line for line in cell.source.splitlines())
    try:
        yield from ast.walk(ast.parse(source))
    except SyntaxError:
        return


def data_card(subject: Subject) -> Rule:
    """Its data are described: a card names the notebook, or the module that it takes them from."""
    cards = subject.root / "data" / "README.md"
    text = cards.read_text(encoding="utf-8") if cards.is_file() else ""
    modules = re.findall(r"^## .*\(`([\w.]+)`\)", text, re.M)
    source = "\n".join(cell.source for cell in subject.code)
    taken = [
        m
        for m in modules
        if re.search(rf"{m}\b|from {re.escape(m.rpartition('.')[0])} import .*\b{m.rpartition('.')[2]}\b", source)
    ]
    if f"`{subject.name}`" not in text and not taken:
        yield subject.fault("data-card", "data/README.md", "no card describes the data of this notebook")


CHECKS = (listed, engine_names, data_card)
