"""A reference solution changed in one place at a time."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mutation.operators import OPERATORS, Code, Edit, nodes

_BEGIN, _END = "### BEGIN SOLUTION", "### END SOLUTION"


@dataclass(frozen=True)
class Mutant:
    """A changed solution.

    Attributes:
        exercise: the grade id of the solution's cell.
        operator: which kind of change it is.
        line: where, counted from 1 in the cell.
        change: ``- old line / + new line``; where a solution holds the same change twice, the later ones end in ``#2``, ``#3``.
        source: the whole cell after the change.
    """

    exercise: str
    operator: str
    line: int
    change: str
    source: str


def mutants(exercise: str, source: str) -> list[Mutant]:
    """Every mutant of a solution cell, each different program once, in the order of the source."""
    code = Code(source)
    seen = {ast.dump(code.tree)}
    found: list[Mutant] = []
    again: Counter[str] = Counter()
    inside = _inside(source)
    for operator, edit in sorted(_edits(code), key=lambda pair: pair[1]):
        first, last = (code.bytes[:at].count(b"\n") + 1 for at in (edit.start, edit.end))
        if not (first in inside and last in inside):
            continue
        changed = code.replaced(edit)
        try:
            program = ast.dump(ast.parse(changed))
        except SyntaxError:  # an edit that does not fit this place
            continue
        if program in seen:
            continue
        seen.add(program)
        change = _change(source, changed, first, last)
        again[change] += 1
        number = f" #{again[change]}" if again[change] > 1 else ""
        found.append(Mutant(exercise, operator, first, change + number, changed))
    return found


def _edits(code: Code) -> Iterator[tuple[str, Edit]]:
    for node in nodes(code.tree):
        for operator in OPERATORS:
            for edit in operator(code, node):
                yield operator.__name__, edit


def _inside(source: str) -> set[int]:
    """The lines that a student has to write, counted from 1."""
    found, inside = set(), False
    for number, line in enumerate(source.splitlines(), 1):
        if _BEGIN in line:
            inside = True
        elif _END in line:
            inside = False
        elif inside:
            found.add(number)
    return found


def _change(before: str, after: str, first: int, last: int) -> str:
    """The lines that differ, each side on one line."""
    old = before.splitlines()[first - 1 : last]
    new = after.splitlines()[first - 1 : last + len(after.splitlines()) - len(before.splitlines())]
    return f"- {_one_line(old)} / + {_one_line(new)}"


def _one_line(lines: list[str]) -> str:
    if len(lines) > 3:  # a loop that is left out: its head says which
        lines = [lines[0], "…"]
    return re.sub(r"\s+", " ", " ".join(lines)).strip()
