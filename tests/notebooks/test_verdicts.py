"""Each notebook has its full set of verdicts: a test that is no longer collected is lost without a word."""

import os
import subprocess
import sys

import pytest
from conftest import NOTEBOOKS
from harness import chapters
from test_exercises import load_answers

#: what is said about every notebook beside its answers, by file (tests/README.md)
VERDICTS = {
    "test_runs.py": ["test_it_runs_as_stored_and_leaves_nothing_behind"],
    "test_exercises.py": [
        "test_every_exercise_has_right_and_wrong_answers_kept",
        "test_the_exercises_leave_nothing_behind",
    ],
    "test_grading.py": [
        "test_the_released_version_has_no_solution_and_opens",
        "test_the_source_earns_every_automatic_point_and_a_blank_copy_none",
    ],
    "test_nbgrader.py": ["test_nbgrader_itself_gives_the_source_all_and_a_blank_copy_none"],
    "test_killed_kernel.py": ["test_an_interrupted_and_then_killed_kernel_leaves_nothing"],
    "test_notebooks.py": ["test_stored_notebook_has_no_faults"],
}


@pytest.fixture(scope="module")
def collected() -> set[str]:
    """All tests of notebooks, as ``file::test[parameter]``, drills included."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "--drills",
        "-p",
        "no:cacheprovider",
        "tests/notebooks",
    ]
    done = subprocess.run(command, cwd=NOTEBOOKS.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    return {line.removeprefix("tests/notebooks/") for line in done.stdout.splitlines() if "::" in line}


def test_each_notebook_has_all_its_verdicts(chapter, collected):
    due = {f"{file}::{test}[{chapter.name}]" for file, tests in VERDICTS.items() for test in tests}
    assert due - collected == set()


def test_each_kept_answer_has_a_verdict_of_its_own(chapter, collected):
    answers = load_answers(chapter)
    for exercise in chapters.solutions(chapter):
        labels = ["the book's own", "blank"]
        labels += [f"right {number}" for number in range(1, len(answers.RIGHT[exercise]) + 1)]
        labels += [reason for reason, _, _ in answers.WRONG[exercise]]
        due = {f"test_exercises.py::test_answer[{exercise}: {label}]" for label in labels}
        assert len(due) == len(labels), "two answers with one label"
        assert {name.encode("ascii", "backslashreplace").decode() for name in due} - collected == set()
