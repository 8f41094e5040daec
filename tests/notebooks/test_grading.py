"""Every notebook as an assignment: released by nbgrader itself, the source earns everything, the released version nothing.

The cells of the released notebook run in the process that grades the notebook's kept answers (test_exercises.py), on the same
set-up. The same round by nbgrader's own autograde, in kernels, is in test_nbgrader.py.
"""

from dataclasses import dataclass

import pytest
from conftest import missing_engines
from course import Course
from harness import chapters

pytestmark = pytest.mark.slow
TOTAL_POINTS_AT_LEAST = 3


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """The student version of a chapter, made once."""
    made = {}

    def of(chapter):
        if chapter.name not in made:
            made[chapter.name] = Course(tmp_path_factory.mktemp("course") / "course", chapter).release()
        return made[chapter.name]

    return of


def test_the_released_version_has_no_solution_and_opens(chapter, released):
    for cell in released(chapter).cells:
        assert "BEGIN SOLUTION" not in cell.source and "HIDDEN TESTS" not in cell.source
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
        if cell.metadata.get("nbgrader", {}).get("solution"):
            assert "raise NotImplementedError()" in cell.source
            assert not cell.metadata.get("jupyter", {}).get("source_hidden"), "a student must see where to write"


@dataclass(frozen=True)
class Step:
    """A cell of a round: the points that it earns when it raises nothing."""

    source: str
    points: float


def steps(chapter, handed_in: list[dict]) -> list[Step]:
    """What nbgrader runs of a submission beside the set-up: the student's solutions, and its own tests in place of the student's."""
    own = {chapters.marks(cell)["grade_id"]: cell for cell in chapters.cells(chapter) if chapters.marks(cell)}
    found = []
    for cell in handed_in:
        if cell["cell_type"] != "code" or not (marks := chapters.marks(cell)):
            continue
        is_test = marks.get("grade") and not marks.get("solution")
        source = own[marks["grade_id"]]["source"] if is_test else cell["source"]
        points = chapters.marks(own[marks["grade_id"]]).get("points", 0)
        found.append(Step(source, float(points) if marks.get("grade") else 0.0))
    return found


def setup_of(cells: list[dict]) -> list[str]:
    return [cell["source"] for cell in cells if "exercise-setup" in cell["metadata"].get("tags", [])]


def test_the_source_earns_every_automatic_point_and_a_blank_copy_none(chapter, released, exercises):
    if missing := missing_engines(chapter.engines):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    blank = released(chapter).cells
    source = chapters.cells(chapter)
    assert setup_of(blank) == chapters.setup(chapter), "the set-up that runs is the students' own"
    maximum = sum(step.points for step in steps(chapter, source))
    assert maximum >= TOTAL_POINTS_AT_LEAST
    assert maximum == sum(step.points for step in steps(chapter, blank)), "a graded cell is lost at the release"
    for what, cells, due in [("the source", source, maximum), ("a blank copy", blank, 0)]:
        todo = steps(chapter, cells)
        done = exercises(chapter).round([step.source for step in todo], what)
        earned = sum(step.points for step, error in zip(todo, done["errors"], strict=True) if not error)
        assert earned == due, (what, [error["trace"] for error in done["errors"] if error])
        assert due == 0 or done["leaked"] == [], "shared memory is left by the book's own solutions"
