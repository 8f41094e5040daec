"""A round of grading with a hundred submissions of every ugly kind: everybody gets the points of what is right, and is named."""

import csv
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import ugly_submissions
from course import Course

from companion import book, checkout

ROOT = checkout.folder()
UNIT = "00-start-here"
pytestmark = pytest.mark.slow

#: loops end after seconds here, everything else has the time that it needs on a busy machine
SETTINGS = """
c.ExecutePreprocessor.timeout_func = lambda cell: 5 if "while True" in cell.source else 600
c.Execute.interrupt_grace = 3
c.Execute.memory_limit = 2 * 2**30
c.Execute.most_printed = 50 * 2**20
"""


def make_course(root: Path) -> Course:
    """A course whose only unit is the start page's exercises, released; and a notebook of another unit."""
    course = Course(root, book.BOOK[0])
    notebook = nbformat.read(course.source, as_version=4)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if "nbgrader" in cell.metadata or "exercise-setup" in cell.metadata.get("tags", [])
    ]
    nbformat.write(notebook, course.source)
    other = root / "notebooks" / "01-other" / "other.ipynb"
    other.parent.mkdir()
    other.write_text(
        course.source.read_text(encoding="utf-8").replace(f'"{book.BOOK[0].name}-', '"other-'), encoding="utf-8"
    )
    with (root / "nbgrader_config.py").open("a") as file:
        file.write(SETTINGS)
    course.release()
    return course


def companion(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    # as an instructor types it; started anywhere, also where a shell ignores interrupts
    return subprocess.run(
        [sys.executable, "-m", "companion", "grade", UNIT, *arguments], cwd=root, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def drill(tmp_path_factory):
    """``(course, what each student must get, the round's process)`` of the whole drill."""
    root = tmp_path_factory.mktemp("drill") / "a course"
    course = make_course(root)
    archive = root / "downloaded" / UNIT / "archive"
    archive.mkdir(parents=True)
    expected = ugly_submissions.everybody(archive, course.released, course.source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        start = time.perf_counter()
        done = companion(root)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"\n{len(expected)} students in {time.perf_counter() - start:.0f} s on {os.cpu_count()} cores, "
        f"{used.ru_utime + used.ru_stime:.0f} s of processors"
    )
    return course, expected, done


def rows(printed: str) -> dict[str, tuple[str, str, str]]:
    """``{id: (points, state, all troubles)}`` of the table."""
    lines = printed.splitlines()
    head = next(at for at, line in enumerate(lines) if re.match(r"student +points +state +trouble", line))
    columns = [lines[head].index(word) for word in ("student", "points", "state", "trouble")]
    found, last = {}, ""
    for line in lines[head + 1 :]:
        if not line.strip():
            break
        name, points, state, trouble = (line[a:b].strip() for a, b in zip(columns, [*columns[1:], None], strict=True))
        if name:
            last = re.sub(r".* \[(.*)\]$", r"\1", name)
        before = found.get(last, ("", "", ""))
        found[last] = (before[0] or points, before[1] or state, f"{before[2]}\n{trouble}".strip())
    return found


def test_every_student_has_the_points_of_what_is_right_and_the_trouble_is_named(drill):
    course, expected, done = drill
    assert done.returncode == 1, done.stdout + done.stderr  # one of them kills what grades it
    assert len(expected) >= 100 and len({kind.student for kind in expected}) == len(expected)
    table, wrong = rows(done.stdout), []
    for kind in expected:
        points, state, trouble = table.get(kind.student, ("not in the table", "", ""))
        if points != ("" if kind.points is None else f"{kind.points:g}/6") or state != kind.state:
            wrong.append(f"{kind.student}: {points} {state} ({trouble}), not {kind.points} {kind.state}")
        if not trouble if kind.trouble else trouble:
            wrong.append(f"{kind.student}: {trouble or 'no trouble named'}, not {kind.trouble}")
        elif kind.trouble and not re.search(kind.trouble, trouble):
            wrong.append(f"{kind.student}: {trouble}, not {kind.trouble}")
    assert wrong == []
    assert set(table) == {kind.student for kind in expected}
    saved = (course.root / "downloaded" / UNIT / "round.txt").read_text(encoding="utf-8")
    assert saved.strip() in done.stdout


def test_everybody_has_a_line_in_the_grades(drill):
    course, expected, _ = drill
    with (course.root / "grades.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    scores = {row["student_id"]: float(row["score"]) for row in found}
    assert scores == {k.student: k.points or 0 for k in expected if k.state != "no student"}
    assert {float(row["max_score"]) for row in found} == {6}


def test_everybody_who_was_graded_has_feedback_that_names_the_trouble(drill):
    course, expected, _ = drill
    for kind in expected:
        page = course.root / "feedback" / kind.student / UNIT / "start_here.html"
        assert page.is_file() is (kind.state == "graded"), kind.student
    page = course.root / "feedback" / "cut-off" / UNIT / "start_here.html"
    assert "the upload was not complete" in page.read_text(encoding="utf-8")


def test_nothing_left_the_course_nor_runs_on(drill):
    course, _, _ = drill
    assert not list(Path("/tmp").glob("zip-abs__*")) and not [*course.root.parent.glob("zip-*")]
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "86399"]]
    written = {p.name for p in course.root.iterdir()} - {"__pycache__", ".nbgrader.log"}
    assert written == {"autograded", "downloaded", "feedback", "grades.csv", "gradebook.db", "nbgrader_config.py",
                       "notebooks", "release", "submitted"}  # fmt: skip


def test_a_second_round_grades_what_is_new(drill):
    course, _, _ = drill
    archive = course.root / "downloaded" / UNIT / "archive"
    shutil.copy(course.source, archive / "blank__start_here (1).ipynb")
    shutil.copy(course.source, archive / "newcomer__start_here.ipynb")
    done = companion(course.root)
    again = {line.split()[1].rstrip(":") for line in done.stdout.splitlines() if re.match(r" +\d+  .*: graded$", line)}
    assert again == {"blank", "newcomer"}
    table = rows(done.stdout)
    assert table["blank"][0] == table["newcomer"][0] == "6/6"
    assert "not graded" in table["kills-its-grader"][1]
    assert table["right"] == ("6/6", "graded", "")


def test_step_by_step_nobody_stops_the_others_either(tmp_path):
    """README's second way: nbgrader's own commands end well, and all who come after an ugly submission are graded."""
    course = make_course(tmp_path / "course")
    archive = course.root / "downloaded" / UNIT / "archive"
    archive.mkdir(parents=True)
    everybody = ugly_submissions.everybody(archive, course.released, course.source)
    chosen = (
        "copied-answer",
        "cut-off",
        "deleted-answer-and-test",
        "os-exit",
        "all-answers",
        "unknown",
        "müller",
        "a__b",
        "warns",
    )
    for path in archive.iterdir():
        if path.name.rpartition("__")[0] not in chosen:
            path.unlink()
    programs = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    for command in (["zip_collect", UNIT], ["autograde", UNIT], ["export"], ["generate_feedback", UNIT]):
        done = subprocess.run(
            [programs / "nbgrader", *command], cwd=course.root, capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with (course.root / "grades.csv").open(encoding="utf-8", newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores == {kind.student: kind.points or 0 for kind in everybody if kind.student in chosen}
    table = rows(companion(course.root, "--table").stdout)
    assert {student for student, (_, state, _) in table.items() if state == "graded"} == set(chosen) - {"unknown"}
    assert "the upload was not complete" in table["cut-off"][2]


def test_a_round_that_cant_begin_says_what_comes_first(tmp_path):
    course = make_course(tmp_path / "course")
    for arguments, sentence in (
        ((), "nothing came back yet"),
        (("--table",), "was collected yet"),
        (("--jobs", "0"), "at least 1"),
    ):
        done = companion(course.root, *arguments)
        assert done.returncode == 2 and sentence in done.stderr and "Traceback" not in done.stderr
    (course.root / "gradebook.db").unlink()
    done = companion(course.root)
    assert done.returncode == 2 and f"make release UNIT={UNIT}" in done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "companion", "grade", "99-nowhere"], cwd=course.root, capture_output=True, text=True
    )
    assert done.returncode == 2 and "01-other" in done.stderr
