"""A kernel is interrupted in the middle of one cell and killed in the middle of another: nothing is left.

One notebook an engine, the shortest that uses it, in `make test`; every notebook in `make drills`.
"""

from collections.abc import Callable, Container

import pytest
from conftest import NOTEBOOKS, missing_engines
from harness import chapters
from harness.kernels import Kernel
from processes import assert_gone, assert_no_new_shared_memory, new_mark, shared_memory

pytestmark = pytest.mark.slow
#: shares of the cells: a kill comes as soon as something is up that has to be taken down, and at the last share at the latest
INTERRUPTED_FROM, KILLED_FROM, KILLED_AT_THE_LATEST = 0.3, 0.45, 0.6
#: PySyft takes a job of a name once, and does not run an interrupted one again: its cells can't be repeated
ONCE = "pysyft"
#: where every cell is quicker than anyone can look, the kernel is at work with what the cells have left it
ENDLESS = "while True:\n    pass"


def interrupted(kernel: Kernel, cells: list[str], only_once: Callable[[str], bool]) -> int:
    """Interrupt the first of the cells that is caught at work; how many were done before it: a reader runs it again.

    Those before it were too quick to be caught, and are run a second time: on a slower machine one of them would have been.
    """
    done = 0
    while not kernel.catch(source := [*cells, ENDLESS][done]):
        if not only_once(source):
            reply = kernel.run(source)
            assert reply["status"] == "ok", f"run a second time: {reply.get('evalue')}, in\n{source}"
        done += 1
    kernel.interrupt()
    # it is next in the queue: that it runs shows both that the interrupted cell has come to an end and that the kernel goes on
    assert kernel.run("assert 1 + 1 == 2")["status"] == "ok", "the kernel is still usable"
    return done


def resumed(cells: list[str], at: int, meant: Container[str]) -> int:
    """The cell to go on from after an interrupt in the given one: itself, or the error that it asserts (``sys.last_value``).

    The interrupt is an error too, and has taken the other's place.
    """
    return at - 1 if at and cells[at - 1] in meant else at


def killed(kernel: Kernel, cells: list[str], *, with_children: bool) -> None:
    """Kill the kernel in the first of the cells that is caught at work, with the engine's processes up where it has any."""
    for source in [*cells, ENDLESS]:
        message = kernel.catch(source)
        if message and (kernel.children() or not with_children or source is ENDLESS):
            break
        if message:
            kernel.reply(message)
    kernel.kill()


@pytest.mark.drill
def test_an_interrupted_and_then_killed_kernel_leaves_nothing(chapter, scratch, request):
    """An interrupt in a cell that is then run again spoils none of the next; a SIGKILL in a later one leaves no trace.

    Which cell is caught, and how far it got, is chance; so those after it are run twice, as if caught at their very end.
    In `make drills` always as many as there may be.
    """
    if missing := missing_engines(chapter.engines):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    mark, before = new_mark(), shared_memory()
    cells, meant = chapters.taught(chapter), chapters.raising(chapter)
    shares = INTERRUPTED_FROM, KILLED_FROM, KILLED_AT_THE_LATEST
    first, early, second = (max(1, int(share * len(cells))) for share in shares)
    if request.config.getoption("drills"):
        early = second
    kernel, had_children = Kernel(NOTEBOOKS / chapter.unit, mark), False

    def runs(cells: list[str], *, times: int = 1, strictly: bool = True) -> None:
        nonlocal had_children
        # what is meant to fail may have changed something by failing
        for source in (cell for cell in cells for _ in range(1 if cell in meant else times)):
            reply = kernel.run(source)
            as_meant = (reply["status"] == "error") == (source in meant)
            assert as_meant or not strictly, f"{reply.get('evalue')}, in\n{source}"
            had_children = had_children or bool(kernel.children())

    try:
        runs(cells[:first])
        once = ONCE in chapter.engines
        done = interrupted(kernel, cells[first:second], lambda cell: once or cell in meant)
        again = resumed(cells, first + done, meant)
        for at in range(again, second):
            if at >= early and had_children:
                second = at
                break
            runs(cells[at : at + 1], times=1 if once else 2, strictly=not once)
        killed(kernel, cells[second:], with_children=had_children)
    finally:
        if kernel.process.is_running():
            kernel.kill()
    assert_gone(mark)
    assert_no_new_shared_memory(before)


# Prove by breaking: what the drill relies on.


def test_a_cell_that_asserts_an_error_is_run_again_behind_that_error():
    cells = ["1 + 1", "1 / 0", "assert isinstance(sys.last_value, ZeroDivisionError)"]
    assert [resumed(cells, at, {"1 / 0"}) for at in (0, 1, 2)] == [0, 1, 1]


@pytest.fixture
def kernel(tmp_path):
    made = Kernel(tmp_path, new_mark())
    yield made
    made.kill()


@pytest.mark.slow
def test_a_cell_at_work_is_caught_and_a_quick_or_waiting_one_is_not(kernel):
    assert kernel.catch("1 + 1") is None
    assert kernel.catch("import time; time.sleep(1)") is None
    message = kernel.catch("while True: pass")
    assert message
    kernel.interrupt()
    assert kernel.reply(message)["ename"] == "KeyboardInterrupt"
    message = kernel.catch("import subprocess; subprocess.run(['sleep', '600'])")
    assert message and kernel.children()
    kernel.interrupt()
    assert kernel.reply(message)["ename"] == "KeyboardInterrupt"


@pytest.mark.slow
def test_what_waits_behind_a_cell_that_fails_is_run_all_the_same(kernel):
    """Sent before the reply is there, as on a busy machine: a kernel that stops on errors answers "aborted" to each of these."""
    kernel.start("1 / 0")
    assert kernel.run("found = 1 + 1")["status"] == "ok"
    kernel.run("1 / 0")
    assert kernel.run("assert found == 2")["status"] == "ok"
