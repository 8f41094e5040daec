"""The kernel of every notebook is killed in the middle, or interrupted: nothing is left either way."""

import os
import signal
import threading
import time

import nbformat
import pytest
from conftest import NOTEBOOKS, missing_engines
from jupyter_client.manager import KernelManager
from processes import assert_gone, assert_no_new_shared_memory, new_mark, shared_memory, until

pytestmark = pytest.mark.slow
CELL_SECONDS = 120


def sources(chapter) -> list[str]:
    """The taught code cells: the exercises at the end start no engine."""
    cells = nbformat.read(NOTEBOOKS / chapter.file, as_version=4).cells
    return [c.source for c in cells if c.cell_type == "code" and "nbgrader" not in c.metadata]


class Kernel:
    """A kernel whose processes are marked, fed cell by cell."""

    def __init__(self, folder, mark):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, **mark})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, source: str, timeout: float = CELL_SECONDS) -> dict:
        return self.client.execute_interactive(source, timeout=timeout, output_hook=lambda _: None)["content"]

    def start(self, source: str) -> None:
        self.client.execute(source)

    def kill(self) -> None:
        # its own process group as it is: a manager that shut it down would hide what is being tested
        os.kill(self.manager.provisioner.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.cleanup_resources()


def run_until(kernel: Kernel, cells: list[str], share: float) -> str:
    """Run the first ``share`` of the cells; returns the next one."""
    stop = max(1, int(share * len(cells)))
    for source in cells[:stop]:
        kernel.run(source)
    return cells[stop]


@pytest.mark.parametrize("share", [0.4, 0.75])
def test_a_killed_kernel_leaves_nothing(chapter, share, scratch):
    if missing := missing_engines(chapter.requires):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    mark, before = new_mark(), shared_memory()
    kernel = Kernel(NOTEBOOKS / chapter.unit, mark)
    try:
        kernel.start(run_until(kernel, sources(chapter), share))
        time.sleep(0.5)
    finally:
        kernel.kill()
    assert_gone(mark)
    assert_no_new_shared_memory(before)


def test_an_interrupted_cell_leaves_a_kernel_that_ends_cleanly(chapter, scratch):
    if missing := missing_engines(chapter.requires):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    mark, before = new_mark(), shared_memory()
    kernel = Kernel(NOTEBOOKS / chapter.unit, mark)
    following = run_until(kernel, sources(chapter), 0.5)
    threading.Timer(0.3, kernel.manager.interrupt_kernel).start()
    kernel.run(following)
    assert kernel.run("assert 1 + 1 == 2")["status"] == "ok", "the kernel is still usable"
    kernel.manager.shutdown_kernel()
    kernel.close()
    assert_gone(mark)
    assert_no_new_shared_memory(before)
    assert until(lambda: not [p for p in scratch.glob("*-*-*") if p.is_dir()]), "scratch folders are left"
