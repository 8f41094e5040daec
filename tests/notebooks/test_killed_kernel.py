"""The kernel of every notebook is interrupted in one cell and killed in another: nothing is left."""

import os
import signal
import threading
import time

import nbformat
import pytest
from conftest import NOTEBOOKS, missing_engines
from jupyter_client.manager import KernelManager
from processes import assert_gone, assert_no_new_shared_memory, new_mark, shared_memory

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


def test_an_interrupted_and_then_killed_kernel_leaves_nothing(chapter, scratch):
    """An interrupt in the middle of a cell leaves a kernel that goes on; a SIGKILL in a later one leaves no trace."""
    if missing := missing_engines(chapter.engines):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    mark, before, cells = new_mark(), shared_memory(), sources(chapter)
    interrupted, killed = (max(1, int(share * len(cells))) for share in (0.3, 0.6))
    kernel = Kernel(NOTEBOOKS / chapter.unit, mark)
    try:
        for source in cells[:interrupted]:
            kernel.run(source)
        timer = threading.Timer(0.3, kernel.manager.interrupt_kernel)
        timer.start()
        kernel.run(cells[interrupted])
        timer.join()
        time.sleep(0.2)  # a cell that was quicker: the interrupt is for an idle kernel, which ignores it
        assert kernel.run("assert 1 + 1 == 2")["status"] == "ok", "the kernel is still usable"
        for source in cells[interrupted:killed]:
            kernel.run(source)
        kernel.start(cells[killed])
        time.sleep(0.5)
    finally:
        kernel.kill()
    assert_gone(mark)
    assert_no_new_shared_memory(before)
