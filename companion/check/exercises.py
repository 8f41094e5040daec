"""What is asked and graded: three exercises with points, named so that a test finds its solution, and their kept answers."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

from companion.check.faults import Rule, Subject, mapping, nbgrader, tags

SETUP = "exercise-setup"
FEWEST_EXERCISES, FEWEST_RIGHT, FEWEST_WRONG = 3, 1, 2


def identity(cell: Any) -> str:
    """The cell's grade id; empty where it has none."""
    found = nbgrader(cell).get("grade_id")
    return found if isinstance(found, str) else ""


def tests_of(subject: Subject, solution: str) -> list[Any]:
    """The test cells that belong to the solution with this grade id: theirs is the same with -test behind it."""
    return [cell for cell in subject.tests if solution and identity(cell).startswith(f"{solution}-test")]


def number(subject: Subject) -> Rule:
    """Three or more, and a cell that holds all they need."""
    found = len(subject.solutions)
    if found < FEWEST_EXERCISES:
        yield subject.fault("three-exercises", "notebook", f"{found} exercises, {FEWEST_EXERCISES} are asked for")
    if not any(SETUP in tags(cell) for cell in subject.code):
        yield subject.fault("exercise-setup", "notebook", f"no cell is tagged {SETUP}")


def names(subject: Subject) -> Rule:
    """Grade ids begin with the notebook's name, so that none stands twice in the book or in a unit's assignment."""
    marked = [cell for cell in subject.notebook.cells if "nbgrader" in cell.metadata]
    times = Counter(identity(cell) for cell in marked)
    for cell in marked:
        found = identity(cell)
        if not found.startswith(f"{subject.name}-"):
            yield subject.fault("grade-id", cell, f"its grade id {found!r} does not begin with {subject.name}-")
        elif times[found] > 1:
            yield subject.fault("grade-id", cell, f"its grade id {found} stands {times[found]} times")


def solutions(subject: Subject) -> Rule:
    """A solution is marked and collapsed, and has tests of which one is hidden."""
    for cell in subject.solutions:
        marks = re.findall(r"### (BEGIN|END) SOLUTION", cell.source)
        if not marks or marks != ["BEGIN", "END"] * (len(marks) // 2):
            yield subject.fault("solution-marks", cell, f"its marks of the solution are: {', '.join(marks) or 'none'}")
        if not mapping(cell.metadata.get("jupyter")).get("source_hidden"):
            yield subject.fault("solution-shown", cell, "a reader meets the task first, and its solution collapsed")
        found = tests_of(subject, identity(cell))
        if not found:
            yield subject.fault("no-test", cell, f"{identity(cell) or 'the exercise'} has no test cell")
        elif not any("### BEGIN HIDDEN TESTS" in test.source for test in found):
            yield subject.fault("hidden-test", cell, f"{identity(cell)} has no hidden test")


def tests(subject: Subject) -> Rule:
    """A test cell belongs to a solution, is locked, and is worth something."""
    known = [identity(cell) for cell in subject.solutions if identity(cell)]
    for cell in subject.tests:
        if not any(identity(cell).startswith(f"{solution}-test") for solution in known):
            yield subject.fault("lost-test", cell, f"the test {identity(cell)!r} belongs to no solution")
        points = nbgrader(cell).get("points")
        if not nbgrader(cell).get("locked") or not isinstance(points, int | float) or points <= 0:
            yield subject.fault("points", cell, f"a test cell that is not locked, or gives no points ({points})")


def answers(subject: Subject) -> Rule:
    """The kept answers: right ones of another kind, and wrong ones, each with a part of the hint it must get."""
    path = subject.root / "tests" / "notebooks" / "answers" / f"{subject.name}.py"
    where = f"answers/{path.name}"
    if not path.is_file():
        yield subject.fault("answers", where, "no answers are kept")
        return
    try:
        kept = load(path)
    except Exception as error:  # whatever the file raises is its fault
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        yield subject.fault("answers", where, f"it can't be imported: {type(error).__name__}{line}: {error}")
        return
    exercises = [identity(cell) for cell in subject.solutions if identity(cell)]
    for table in ("RIGHT", "WRONG"):
        found = getattr(kept, table, None)
        if not isinstance(found, dict):
            yield subject.fault("answers", where, f"{table} is no dictionary by grade id")
            continue
        for exercise in found.keys() - set(exercises):
            yield subject.fault("answers", where, f"{table} has an answer to no exercise: {exercise!r}")
        for exercise in exercises:
            yield from _kept(subject, where, table, exercise, found.get(exercise, ()))


def _kept(subject: Subject, where: str, table: str, exercise: str, found: Any) -> Rule:
    right = table == "RIGHT"
    if not isinstance(found, list | tuple):
        yield subject.fault("answers", where, f"{table}[{exercise!r}] is no list")
        return
    fewest = FEWEST_RIGHT if right else FEWEST_WRONG
    if len(found) < fewest:
        what = "other right answer" if right else "wrong answers"
        yield subject.fault("answers-few", where, f"{exercise}: {len(found)} {what} kept, {fewest} asked for")
    for place, entry in enumerate(found, 1):
        if fault := (_source(entry) if right else _wrong(entry)):
            yield subject.fault("answers", where, f"{table}[{exercise!r}], number {place}: {fault}")


def _wrong(entry: Any) -> str:
    if not (isinstance(entry, tuple) and len(entry) == 3 and all(isinstance(part, str) for part in entry)):
        return "not (what is wrong with it, source, a part of the hint)"
    try:
        re.compile(entry[2])
    except re.error as error:
        return f"its hint is no regular expression: {error}"
    return _source(entry[1])


def _source(entry: Any) -> str:
    if not isinstance(entry, str):
        return "not a text of Python"
    try:
        compile(entry, "answer", "exec")
    except SyntaxError as error:
        return f"not Python, line {error.lineno}: {error.msg}"
    return ""


def load(path: Path) -> ModuleType:
    """The file of kept answers, run as a module; raises what it raises."""
    module = ModuleType(f"answers_{path.stem}")
    exec(compile(path.read_text(encoding="utf-8"), path.name, "exec"), vars(module))  # noqa: S102  (the project's own)
    return module


CHECKS = (number, names, solutions, tests, answers)
