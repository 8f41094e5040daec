"""Mutants of reference solutions: every operator on a snippet, and a toy notebook with a known hole, graded both ways."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import mutants as command
import nbformat
import pytest
from mutation import exercises, mutants
from mutation.grading import How, SetupFailed
from mutation.operators import OPERATORS
from mutation.worker import Limits
from nbformat.v4 import new_code_cell, new_notebook
from processes import assert_gone, marked, new_mark, shared_memory, until

FORKED, FRESH = How(fork=True, processor=0.5), How(fork=False, each=5, processor=0.5)


def changes(body: str, head: str = "def f(a, b, c=None):") -> dict[str, set[str]]:
    """What each operator makes of the body of a solution, by its name."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    found: dict[str, set[str]] = {}
    for mutant in mutants.mutants("x", f"{head}\n    ### BEGIN SOLUTION\n{lines}\n    ### END SOLUTION\n"):
        found.setdefault(mutant.operator, set()).add(mutant.change.rpartition(" / + ")[2])
    return found


@pytest.mark.parametrize(
    ("operator", "body", "wanted"),
    [
        ("comparison", "return a < b", {"return a <= b", "return a > b"}),
        ("comparison", "return a not in b", {"return a in b"}),
        ("comparison", "return (a) == (b) is not c", {"return (a) != (b) is not c", "return (a) == (b) is c"}),
        ("arithmetic", "return a + b", {"return a - b"}),
        ("arithmetic", "a //= b", {"a /= b", "a = b"}),
        ("arithmetic", "return -a", {"return a"}),
        ("logic", "return a and b", {"return a or b", "return True and b", "return a and True"}),
        ("logic", "return a or (b)", {"return a and (b)", "return False or (b)", "return a or (False)"}),
        ("logic", "return not a", {"return a"}),
        ("guard", "if a:\n    b()", {"if True:", "if False:"}),
        ("guard", "return [x for x in a if x]", {"return [x for x in a if True]", "return [x for x in a if False]"}),
        ("guard", "while a:\n    b()", {"while False:"}),
        ("guard", "try:\n    a()\nexcept ValueError:\n    b()", {"except ():"}),
        ("statement", "a()\nreturn b", {"pass", "return None"}),
        ("statement", "for x in a:\n    break", {"continue", "pass"}),
        ("statement", "with a:\n    b()", {'with __import__("contextlib").nullcontext():', "pass"}),
        ("constant", "return 10", {"return 11", "return 9"}),
        ("constant", "return 0.5", {"return 1.5", "return -0.5", "return 0.55"}),
        ("constant", "return True", {"return False"}),
        ("constant", "return 'left'", {"return '~left'", "return 'right'"}),
        ("constant", "return f'{a:.2f} ü'", {"return f'~{a:.2f} ü'"}),
        ("bound", "return a[b:c]", {"return a[:c]", "return a[b:]", "return a[b + 1:c]", "return a[b - 1:c]", "return a[b:c + 1]", "return a[b:c - 1]"}),
        ("bound", "return a[1:]", {"return a[:]", "return a[1:-1]"}),
        ("bound", "return range(a)", {"return range(a + 1)", "return range(a - 1)", "return range(1, a)"}),
        ("call", "return min(a, b)", {"return max(a, b)"}),
        ("call", "return sorted(a)", {"return a", "return sorted(a, reverse=True)"}),
        ("call", "return sorted(x for x in a)", {"return (x for x in a)", "return sorted((x for x in a), reverse=True)"}),
        ("call", "return a.floor(b, key=c, other=1)", {"return a.ceil(b, key=c, other=1)", "return a.floor(b, other=1)", "return a.floor(b, key=c)"}),
        ("default", "def g(x, *, y=1):\n    return x\nreturn g", {"def g(x, *, y=None):"}),
    ],
)  # fmt: skip
def test_each_operator_makes_its_changes(operator, body, wanted):
    assert changes(body)[operator] == wanted


def test_every_operator_is_tried_here():
    tried = {mark.args[1][0][0] for mark in test_each_operator_makes_its_changes.pytestmark} | {
        case[0] for mark in test_each_operator_makes_its_changes.pytestmark for case in mark.args[1]
    }
    assert tried == {operator.__name__ for operator in OPERATORS}


def test_only_what_a_student_writes_is_changed():
    source = 'def f(a: int = 1) -> "str":\n    """Doc 1."""\n    b = 2\n    ### BEGIN SOLUTION\n    """Doc 2."""\n    c: "int" = b\n    ### END SOLUTION\n    return 3\n'
    assert {mutant.change for mutant in mutants.mutants("x", source)} == {'- c: "int" = b / + pass'}


def test_the_same_program_is_made_once_and_the_same_change_is_numbered():
    found = mutants.mutants("x", "### BEGIN SOLUTION\nx = 1\nx = 1\ny = -1\n### END SOLUTION\n")
    changes = [mutant.change for mutant in found]
    assert len({mutant.source for mutant in found}) == len(found) == len(set(changes))
    assert {"- x = 1 / + x = 2", "- x = 1 / + x = 2 #2", "- y = -1 / + y = 1", "- y = -1 / + y = -2"} <= set(changes)


# A notebook of its own


def cell(source: str, **about) -> nbformat.NotebookNode:
    made = new_code_cell(source)
    made.metadata = nbformat.NotebookNode(about)
    return made


def notebook(folder: Path, setup: str, *exercises: tuple[str, str, str], more: str = "") -> Path:
    """A notebook file from its set-up and ``(name, solution, test)`` of each exercise."""
    cells = [cell(setup, tags=["exercise-setup"])]
    for name, solution, test in exercises:
        kind = nbformat.NotebookNode(grade=False, solution=True, grade_id=name)
        graded = nbformat.NotebookNode(grade=True, solution=False, grade_id=f"{name}-test")
        cells += [cell(solution, nbgrader=kind), cell(test, nbgrader=graded)]
    path = folder / "toy.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def solution(body: str) -> str:
    return (
        "def f(a, b):\n    ### BEGIN SOLUTION\n"
        + "".join(f"    {line}\n" for line in body.splitlines())
        + "    ### END SOLUTION\n"
    )


def survivors(report) -> list[str]:
    return [mutant.change for mutant in report.survivors]


HOLE = ("toy-1", solution("return a < b"), "assert f(1, 2) is True and f(2, 1) is False, 'order'")
HOLES = ["- return a < b / + return a <= b"]


@pytest.mark.parametrize("how", [FORKED, FRESH], ids=["forked", "fresh"])
def test_a_hole_in_the_tests_is_listed_with_its_change(tmp_path, how):
    report = command.examine(notebook(tmp_path, "import math", HOLE), {}, how)
    assert survivors(report) == HOLES
    assert not report.fine
    text = "\n".join(report.lines())
    assert "toy-1: 3 mutants, 2 caught, 0 equivalent, 1 with full marks" in text
    assert "line 3 (comparison): - return a < b / + return a <= b" in text


def test_what_is_listed_as_equivalent_is_not_reported_and_what_is_caught_is_stale(tmp_path):
    path = notebook(tmp_path, "", HOLE)
    report = command.examine(path, {"toy-1": {HOLES[0]: "a and b are never equal"}}, FORKED)
    assert report.fine
    assert survivors(report) == []
    stale = "- return a < b / + return a > b"
    report = command.examine(path, {"toy-1": {HOLES[0]: "never equal", stale: "wrong"}}, FORKED)
    assert (report.stale, report.fine) == ([("toy-1", stale)], False)
    assert any(stale in line and "does not get full marks any more" in line for line in report.lines())
    with pytest.raises(command.WrongCall, match="names no exercise of it: toy-9"):
        command.examine(path, {"toy-9": {}}, FORKED)


LOOP = ("toy-1", solution("while a:\n    a -= 1\nreturn a"), "assert f(3, 0) == 0")


@pytest.mark.parametrize("how", [FORKED, FRESH], ids=["forked", "fresh"])
def test_a_mutant_that_loops_is_ended_and_counts_as_caught(tmp_path, how):
    report = command.examine(notebook(tmp_path, "", LOOP), {}, how)
    outcomes = {mutant.change: verdict.outcome for mutant, verdict in report.graded}
    assert outcomes["- a -= 1 / + pass"] == "too long"
    assert outcomes["- return a / + return None"] == "caught"
    assert survivors(report) == []


WAIT = ("toy-1", solution("if a > b:\n    time.sleep(10**6)\nreturn a"), "assert f(1, 3) == 1")


@pytest.mark.parametrize("fork", [True, False], ids=["forked", "fresh"])
def test_a_mutant_that_waits_for_ever_is_ended_by_the_clock(tmp_path, monkeypatch, fork):
    monkeypatch.setattr(How, "limits", lambda self, reference: Limits(2, 5))
    report = command.examine(notebook(tmp_path, "import time", WAIT), {}, How(fork=fork, each=4))
    outcomes = {mutant.change: verdict.outcome for mutant, verdict in report.graded}
    assert outcomes["- if a > b: / + if True:"] == "too long"


# The threads of a notebook that starts some, a file that answers share


@pytest.mark.parametrize(
    ("setup", "why"),
    [
        ("import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()", "2 threads"),
        ("import subprocess\nchild = subprocess.Popen(['sleep', '600'])", "children of its own (sleep)"),
        ("import socket\nhere = socket.socket()\nhere.bind(('127.0.0.1', 0))\nhere.listen()", "1 open connections"),
        ("import numpy as np\ngrid = np.ones((300, 300)) @ np.ones((300, 300))", ""),
    ],
    ids=["a thread", "a child", "a connection", "NumPy"],
)
def test_what_cant_be_forked_is_graded_in_fresh_processes(tmp_path, capsys, setup, why):
    report = command.examine(notebook(tmp_path, setup, HOLE), {}, How())
    assert survivors(report) == HOLES
    assert (f"not forked: {why}" if why else "forked after one set-up") in capsys.readouterr().err


def test_a_fork_has_the_set_up_of_one_process(tmp_path):
    setup = f"open({str(tmp_path / 'setups')!r}, 'a').write('x')"
    command.examine(notebook(tmp_path, setup, HOLE, (HOLE[0].replace("1", "2"), *HOLE[1:])), {}, FORKED)
    assert (tmp_path / "setups").read_text() == "x"


@pytest.mark.parametrize("how", [FORKED, How(fork=False, each=50)], ids=["forked", "fresh"])
def test_a_mutant_that_spoils_what_all_share_does_not_decide_about_the_others(tmp_path, how):
    """``b = True`` removes the file that the tests of all read: every mutant after it would look caught."""
    setup = "import os\nopen('shared', 'w').write('1')\nhome = os.path.abspath('shared')"
    spoiling = solution("if b is None:\n    os.remove(home)\nreturn a <= 3")
    test = "assert os.path.exists(home)\nassert f(2, 0) is True and f(5, 0) is False"
    report = command.examine(notebook(tmp_path, setup, ("toy-1", spoiling, test)), {}, how)
    outcomes = {mutant.change: verdict.outcome for mutant, verdict in report.graded}
    assert outcomes["- if b is None: / + if True:"] == "caught"
    assert outcomes["- return a <= 3 / + return a < 3"] == "full marks"
    assert outcomes["- return a <= 3 / + return a <= 4"] == "full marks"


def test_nothing_is_left_of_processes_files_and_shared_memory(tmp_path, monkeypatch):
    mark, before = new_mark(), shared_memory()
    for name, value in mark.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    setup = "import subprocess, tempfile\nfrom multiprocessing.shared_memory import SharedMemory"
    leaving = solution(
        "open(tempfile.mkdtemp() + '/x', 'w').close()\nsubprocess.Popen(['sleep', '600'])\n"
        "block = SharedMemory(create=True, size=a)\nwhile b:\n    b -= 1\nreturn a"
    )
    path = notebook(tmp_path, setup, ("toy-1", leaving, "assert f(8, 2) == 8"))
    command.examine(path, {}, FORKED)
    assert_gone(mark)
    assert [entry.name for entry in tmp_path.iterdir()] == ["toy.ipynb"]
    assert until(lambda: not (shared_memory() - before))


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("fork", [True, False], ids=["forked", "fresh"])
def test_who_ends_it_ends_all_of_it(tmp_path, sig, fork):
    mark, waits, temporary = new_mark(), tmp_path / "waits", tmp_path / "temporary"
    temporary.mkdir()
    test = f"if f(0, 1) != 1:\n    open({str(waits)!r}, 'w').close()\n    time.sleep(600)"
    path = notebook(tmp_path, "import time", ("toy-1", solution("return b"), test))
    code = (
        "import pathlib, signal, sys, mutants\n"
        "from mutation.grading import How\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"mutants.examine(pathlib.Path({str(path)!r}), {{}}, How(fork={fork}, processor=60))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **mark, "TMPDIR": str(temporary), "PYTHONPATH": str(Path(command.__file__).parent)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert until(waits.exists, 120)
    assert marked(mark)
    process.send_signal(sig)
    process.wait(60)
    assert_gone(mark)
    assert until(lambda: not list(temporary.iterdir()))


# What can't be graded, and the command


def test_a_reference_that_fails_its_own_tests_is_named(tmp_path):
    broken = ("toy-1", solution("return a > b"), "assert f(1, 2), 'the order'")
    with pytest.raises(SetupFailed, match=r"the reference solution of toy-1: caught, AssertionError: the order"):
        command.examine(notebook(tmp_path, "", broken), {}, FORKED)
    with pytest.raises(SetupFailed, match=r"ZeroDivisionError: division by zero"):
        command.examine(notebook(tmp_path, "1 / 0", HOLE), {}, FORKED)


def test_the_command_says_what_there_is(capsys):
    assert command.main(["no_such_notebook"]) == 2
    assert "there is no notebook 'no_such_notebook'; there are: start_here, " in capsys.readouterr().err
    assert command.main(["kubernetes_hpa", "--exercise", "x"]) == 2
    assert "has no exercise 'x'; it has: kubernetes_hpa-1, " in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        command.main(["--help"])
    assert end.value.code == 0
    assert "EQUIVALENT" in capsys.readouterr().out


def test_the_exit_code_and_the_json_say_what_survived(tmp_path, monkeypatch, capsys):
    path = notebook(tmp_path, "", HOLE)
    monkeypatch.setattr(command, "find", lambda name: path)
    monkeypatch.setattr(command, "ANSWERS", tmp_path)
    assert command.main(["toy", "--json", str(tmp_path / "out.json")]) == 1
    (out,) = json.loads((tmp_path / "out.json").read_text())
    assert [mutant["change"] for mutant in out["mutants"] if mutant["unexplained"]] == HOLES
    assert {mutant["outcome"] for mutant in out["mutants"]} == {"caught", "full marks"}
    (tmp_path / "toy.py").write_text(
        f"RIGHT = WRONG = {{}}\nEQUIVALENT = {{'toy-1': {{{HOLES[0]!r}: 'never equal'}}}}\n"
    )
    assert command.main(["toy"]) == 0
    assert "1 equivalent, 0 with full marks" in capsys.readouterr().out


def test_the_lists_of_the_book_name_exercises_and_give_reasons(chapter):
    listed = exercises.equivalent(command.ANSWERS / f"{chapter.name}.py")
    read = exercises.read(command.find(chapter.name))
    made = {one.name: {mutant.change for mutant in mutants.mutants(one.name, one.solution)} for one in read.exercises}
    for exercise, changes in listed.items():
        assert exercise in made
        assert set(changes) <= made[exercise], "what is listed is no mutant of the solution"
        assert all(len(reason) >= 10 for reason in changes.values())
