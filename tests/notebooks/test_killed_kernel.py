"""A kernel is interrupted in the middle of one cell and killed in the middle of another: nothing is left.

One notebook an engine, the shortest that uses it, in `make test`; every notebook in `make drills`.
"""

import pytest
from conftest import NOTEBOOKS, missing_engines
from harness import chapters
from harness.kernels import Kernel
from processes import assert_gone, assert_no_new_shared_memory, new_mark, shared_memory

pytestmark = pytest.mark.slow
INTERRUPTED_FROM, KILLED_FROM = 0.3, 0.6
#: where every cell is quicker than anyone can look, the kernel is at work with what the cells have left it
ENDLESS = "while True:\n    pass"


def interrupted(kernel: Kernel, cells: list[str]) -> int:
    """Interrupt the first of the cells that is caught at work, run it again as a reader would; the number of cells done."""
    done = 0
    for source in [*cells, ENDLESS]:
        done += source is not ENDLESS
        if message := kernel.catch(source):
            break
    kernel.interrupt()
    assert kernel.reply(message), "an interrupted cell comes to an end"
    assert kernel.run("assert 1 + 1 == 2")["status"] == "ok", "the kernel is still usable"
    if source is not ENDLESS:
        kernel.run(source)
    return done


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
def test_an_interrupted_and_then_killed_kernel_leaves_nothing(chapter, scratch):
    """An interrupt in the middle of a cell leaves a kernel that goes on; a SIGKILL in a later one leaves no trace."""
    if missing := missing_engines(chapters.engines_of(chapter)):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    mark, before, cells = new_mark(), shared_memory(), chapters.taught(chapter)
    first, second = (max(1, int(share * len(cells))) for share in (INTERRUPTED_FROM, KILLED_FROM))
    kernel, had_children = Kernel(NOTEBOOKS / chapter.unit, mark), False
    try:
        for source in cells[:first]:
            kernel.run(source)
            had_children = had_children or bool(kernel.children())
        # the cell to be killed in comes after it, whatever happens
        done = first + interrupted(kernel, cells[first:second])
        for source in cells[done:second]:
            kernel.run(source)
            had_children = had_children or bool(kernel.children())
        killed(kernel, cells[second:], with_children=had_children)
    finally:
        if kernel.process.is_running():
            kernel.kill()
    assert_gone(mark)
    assert_no_new_shared_memory(before)


# Prove by breaking: what the drill relies on.


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
