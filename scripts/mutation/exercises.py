"""The cells of a notebook that make its exercises, and the mutants that are known to be equivalent."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat

#: reason by change by exercise
Equivalent = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Exercise:
    """An exercise: its grade id, the reference solution's cell, the cells that grade it."""

    name: str
    solution: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Exercises:
    """The exercises of a notebook, and the cells that stand before them."""

    notebook: str
    setup: tuple[str, ...]
    exercises: tuple[Exercise, ...]


def read(path: Path) -> Exercises:
    """The exercises of a notebook file."""
    cells = nbformat.read(path, as_version=4).cells
    graded = [(cell.metadata["nbgrader"], cell.source) for cell in cells if "nbgrader" in cell.metadata]
    setup = tuple(cell.source for cell in cells if "exercise-setup" in cell.metadata.get("tags", []))
    tests = [(about["grade_id"], source) for about, source in graded if about["grade"] and not about["solution"]]
    exercises = tuple(
        Exercise(name, source, tuple(text for test, text in tests if test.startswith(f"{name}-test")))
        for name, source in ((about["grade_id"], source) for about, source in graded if about["solution"])
    )
    return Exercises(path.stem, setup, exercises)


def equivalent(answers: Path) -> Equivalent:
    """What an answers file lists as ``EQUIVALENT``; nothing where it, or the file, is not there."""
    if not answers.is_file():
        return {}
    spec = importlib.util.spec_from_file_location(f"answers_{answers.stem}", answers)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, "EQUIVALENT", {})
