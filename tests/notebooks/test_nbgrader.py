"""nbgrader's own round in kernels: the source earns everything, the released version nothing, and both end clean.

What the round executes is the exercises on the cells that they depend on; the whole of a notebook runs in test_runs.py, and a
whole round with one whole notebook in test_readme.py. One notebook an engine, the shortest, in `make test`; all in `make drills`.
"""

import os

import pytest
from conftest import missing_engines
from course import Course
from watch import watched

pytestmark = [pytest.mark.slow, pytest.mark.drill]


@pytest.fixture
def course(tmp_path, chapter):
    return Course(tmp_path / "course", chapter)


def exercises_only(course: Course) -> None:
    """Leave in the course's source what the exercises need: the cells tagged so, and nbgrader's."""
    import nbformat

    notebook = nbformat.read(course.source, as_version=4)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if "nbgrader" in cell.metadata or "exercise-setup" in cell.metadata.get("tags", [])
    ]
    nbformat.write(notebook, course.source)


def failures(notebook, *, exercises: bool) -> list[str]:
    """What was raised in the exercises' cells, or in the others."""
    return [
        output.evalue
        for cell in notebook.cells
        if cell.cell_type == "code" and ("nbgrader" in cell.metadata) is exercises
        for output in cell.outputs
        if output.output_type == "error"
    ]


def test_nbgrader_itself_gives_the_source_all_and_a_blank_copy_none(course, chapter, scratch, monkeypatch):
    if missing := missing_engines(chapter.engines):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    exercises_only(course)
    course.release()
    course.submit("source", course.source)
    course.submit("blank", course.released)
    with watched(scratch) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        score, maximum = course.autograde("source")
        nothing, _ = course.autograde("blank")
    assert score == maximum, failures(course.graded("source"), exercises=True)
    assert nothing == 0
    assert failures(course.graded("blank"), exercises=False) == [], "only exercises may fail"
    assert os.path.isfile(course.released)
