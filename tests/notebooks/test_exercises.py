"""Every exercise, with the answers kept in tests/notebooks/answers/: the book's own and other right ones pass, the classic wrong ones
fail with a useful hint, and so does a blank one.

A notebook's answers are graded in one process of their own, on one set-up; it ends with the notebook's last test, and then nothing
is left of it.
"""

import importlib.util
import os
import types
from pathlib import Path

import pytest
from conftest import missing_engines
from harness import chapters, grading
from processes import shared_memory, until

from companion import book

ANSWERS = Path(__file__).parent / "answers"
BLANK = "raise NotImplementedError()"
NOT_DONE = {"NotImplementedError", "NameError", "AssertionError"}


def load_answers(chapter) -> types.ModuleType:
    """The kept answers; an empty pair where there is no file yet (a test of its own complains)."""
    if not (ANSWERS / f"{chapter.name}.py").is_file():
        return types.SimpleNamespace(RIGHT={}, WRONG={})
    spec = importlib.util.spec_from_file_location(f"answers_{chapter.name}", ANSWERS / f"{chapter.name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blanked(solution: str) -> str:
    """The solution cell as a student receives it."""
    lines, inside = [], False
    for line in solution.splitlines():
        if "### BEGIN SOLUTION" in line:
            lines.append(line.partition("###")[0] + BLANK)
            inside = True
        elif "### END SOLUTION" in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def cases():
    """(chapter, exercise, label, the answer, the hint of a wrong one or None when it has to pass)."""
    for chapter in book.BOOK:
        answers = load_answers(chapter)
        for exercise, solution in chapters.solutions(chapter).items():
            yield chapter, exercise, "the book's own", solution, None
            yield chapter, exercise, "blank", blanked(solution), NotImplementedError
            for number, source in enumerate(answers.RIGHT.get(exercise, ()), 1):
                yield chapter, exercise, f"right {number}", source, None
            for reason, source, hint in answers.WRONG.get(exercise, ()):
                yield chapter, exercise, reason, source, hint


CASES = list(cases())


@pytest.mark.parametrize(
    ("where", "exercise", "label", "source", "hint"), CASES, ids=[f"{e}: {label}" for _, e, label, _, _ in CASES]
)
def test_answer(where, exercise, label, source, hint, exercises):
    if missing := missing_engines(where.engines):
        pytest.skip(f"{where.name} needs {missing[0]}")
    error = exercises(where).grade(exercise, label, source)
    if hint is None:
        assert error is None, error["trace"]
    elif hint is NotImplementedError:
        assert error and NOT_DONE & set(error["kinds"]), error
    else:
        assert grading.fits(error, hint), error["trace"] if error else "full marks for a wrong answer"


def test_the_exercises_leave_nothing_behind(chapter, exercises):
    """The process ends by itself after all those answers: no process, no file outside the scratch folder, no shared memory."""
    if missing := missing_engines(chapter.engines):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    exercises(chapter).close()


def test_every_exercise_has_right_and_wrong_answers_kept(chapter):
    names, answers = set(chapters.solutions(chapter)), load_answers(chapter)
    assert set(answers.RIGHT) <= names and set(answers.WRONG) <= names, "an answer to no exercise"
    for exercise in names:
        assert answers.RIGHT.get(exercise), f"no other right answer kept for {exercise}"
        assert len(answers.WRONG.get(exercise, ())) >= 2, f"fewer than two wrong answers kept for {exercise}"


def test_grade_ids_are_unique_in_the_book():
    ids = [
        chapters.marks(cell)["grade_id"]
        for chapter in book.BOOK
        for cell in chapters.cells(chapter)
        if chapters.marks(cell)
    ]
    assert len(ids) == len(set(ids))


# Prove by breaking: what an answer can do to the process that grades it.


@pytest.fixture
def process(tmp_path):
    """A grading process on a set-up of one line; an answer has five seconds."""
    made = grading.GradingProcess("book", ["x = 1"], tmp_path, {}, tmp_path / "log", answer_seconds=5)
    yield made
    made.kill()


def test_each_answer_starts_from_the_setup(process):
    assert process.ask(["x += 1\nimport sys\nassert x == 2"], "first")["errors"] == [None]
    assert process.ask(["assert x == 1"], "second")["errors"] == [None]


def test_a_round_goes_on_after_a_failure_in_one_namespace(process):
    """As a kernel does: an answer that a later cell breaks is seen."""
    cells = ["def f(): return x", "assert f() == 1", "f = None", "assert f() == 1", "x"]
    errors = process.ask(cells, "all", go_on=True)["errors"]
    assert [error and error["kinds"][0] for error in errors] == [None, None, None, "TypeError", None]


def test_a_hanging_answer_names_itself_and_is_gone(process):
    with pytest.raises(grading.Hanging, match=r"book, the endless one: no end after 5 s"):
        process.ask(["while True: pass"], "the endless one")
    assert not process.alive


def test_an_answer_that_ends_the_process_names_itself(process):
    with pytest.raises(AssertionError, match=r"book, the rude one: ended its process \(7\)"):
        process.ask(["import os; os._exit(7)"], "the rude one")


def test_what_an_answer_raises_is_no_end(process):
    for source, kind in [("raise SystemExit", "SystemExit"), ("raise KeyboardInterrupt", "KeyboardInterrupt")]:
        assert process.ask([source], "a raiser")["errors"][0]["kinds"][0] == kind
    assert process.ask(["assert x == 1"], "the next")["errors"] == [None]


def test_shared_memory_that_an_answer_leaks_is_named_and_goes(process):
    leak = "from multiprocessing.shared_memory import SharedMemory\nblock = SharedMemory(create=True, size=10)"
    (name,) = process.ask([leak], "the leak")["leaked"]
    assert name not in shared_memory()


def test_a_failing_setup_is_said(tmp_path):
    with pytest.raises(AssertionError, match=r"the set-up of book failed:[\s\S]*no such thing"):
        grading.GradingProcess("book", ["raise OSError('no such thing')"], tmp_path, {}, tmp_path / "log")


def test_it_dies_with_the_tests(tmp_path):
    """Also in the middle of an answer, and when the tests are killed."""
    code = (
        "import os, sys; from pathlib import Path; from harness.grading import GradingProcess\n"
        "p = GradingProcess('book', [], Path('.'), {}, Path('log')); print(p.process.pid, flush=True)\n"
        "p.ask(['while True: pass'], 'the endless one')"
    )
    import subprocess
    import sys

    import psutil

    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    tests = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True)
    pid = int(tests.stdout.readline())
    tests.kill()
    tests.wait()
    assert until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 60)


def test_a_hint_has_to_fit():
    right = {"kinds": ["AssertionError", "Exception"], "text": "Mind the sign"}
    assert grading.fits(right, "the sign|the root")
    assert not grading.fits(right, "the root")
    assert not grading.fits({**right, "kinds": ["NameError"]}, "the sign")
    assert not grading.fits(None, "the sign")
