"""nbgrader's whole round, for every notebook: the source earns everything, the released version nothing, and both end clean.

The graded runs double as the test that a notebook leaves nothing behind: they run in a home and a temporary folder of their
own, with a mark in their environment.
"""

import os

import pytest
from conftest import missing_engines
from course import Course
from processes import assert_gone, assert_no_new_shared_memory, new_mark, shared_memory

pytestmark = pytest.mark.slow
TOTAL_POINTS_AT_LEAST = 3


@pytest.fixture
def course(tmp_path, chapter):
    if missing := missing_engines(chapter.requires):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    return Course(tmp_path / "course", chapter)


@pytest.fixture
def watched(tmp_path, monkeypatch, scratch):
    """Runs a block's kernels where anything left behind can be seen, and looks afterwards."""
    mark, before = new_mark(), shared_memory()
    folders = {name: tmp_path / name.lower() for name in ("HOME", "TMPDIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    for name, folder in folders.items():
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    for name, value in mark.items():
        monkeypatch.setenv(name, value)
    yield
    # this process carries the variable, but not in the environment that it was started with
    assert_gone(mark)
    assert_no_new_shared_memory(before)
    left = [
        str(p.relative_to(tmp_path)) for name in ("HOME", "TMPDIR") for p in folders[name].rglob("*") if p.is_file()
    ]
    # caches that libraries keep in a user's home are theirs, and the same for every program
    ours = [p for p in left if not p.startswith(("home/.cache/", "home/.config/", "home/.local/", "home/.keras/"))]
    assert ours == [], "files outside the scratch folder"
    assert [p.name for p in scratch.iterdir() if p.name.count("-") >= 2] == [], (
        "scratch folders of a process that is gone"
    )


def test_the_released_version_has_no_solution_and_opens(course):
    released = course.release()
    for cell in released.cells:
        assert "BEGIN SOLUTION" not in cell.source and "HIDDEN TESTS" not in cell.source
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
        if cell.metadata.get("nbgrader", {}).get("solution"):
            assert "raise NotImplementedError()" in cell.source
            assert not cell.metadata.get("jupyter", {}).get("source_hidden"), "a student must see where to write"


def test_the_source_earns_every_automatic_point_and_leaves_nothing_behind(course, watched):
    course.release()
    course.submit("source", course.source)
    score, maximum = course.autograde("source")
    assert maximum >= TOTAL_POINTS_AT_LEAST
    assert score == maximum, [
        output.evalue
        for cell in course.graded("source").cells
        if cell.metadata.get("nbgrader", {}).get("grade")
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


def test_the_blank_version_earns_nothing_without_a_crash(course, watched):
    course.release()
    course.submit("blank", course.released)
    assert course.autograde("blank")[0] == 0
    for cell in course.graded("blank").cells:
        if (
            cell.cell_type == "code"
            and "nbgrader" not in cell.metadata
            and "raises-exception" not in cell.metadata.get("tags", [])
        ):
            assert [o.evalue for o in cell.outputs if o.output_type == "error"] == [], "only exercises may fail"
    assert os.path.isfile(course.released)
