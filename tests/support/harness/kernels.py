"""A kernel that a test feeds cell by cell, and catches in the middle of its work."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty

import psutil
from jupyter_client.manager import KernelManager

from harness.ends import end

CELL_SECONDS = 300
#: a cell that has used that much of a processor, in all of its processes, is at work
AT_WORK_SECONDS = 0.2
_POLL_SECONDS = 0.02


class Kernel:
    """A kernel whose processes carry a mark.

    No cell is asked to stop on an error: what follows a failed or interrupted one at once would come back "aborted", not run.

    Args:
        folder: its working directory.
        mark: variables beside the inherited ones.
    """

    def __init__(self, folder: Path, mark: dict[str, str]):
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, **mark})
        self.client = self.manager.client()
        self.client.start_channels(hb=False)  # companion/processes/kernels.py says why
        self.client.wait_for_ready(timeout=CELL_SECONDS)
        self.process = psutil.Process(self.manager.provisioner.pid)

    def run(self, source: str, timeout: float = CELL_SECONDS) -> dict:
        """Run a cell to its end; the content of the kernel's reply."""
        asked = {"stop_on_error": False, "timeout": timeout, "output_hook": lambda _: None}
        return self.client.execute_interactive(source, **asked)["content"]

    def start(self, source: str) -> str:
        """Start a cell; the id by which its reply is known."""
        return self.client.execute(source, stop_on_error=False)

    def reply(self, message: str, timeout: float = CELL_SECONDS) -> dict | None:
        """The reply to a started cell; None when it has not come in time."""
        end = time.monotonic() + timeout
        while True:
            try:
                found = self.client.get_shell_msg(timeout=max(end - time.monotonic(), 0))
            except Empty:
                return None
            if found["parent_header"].get("msg_id") == message:
                return found["content"]

    def children(self) -> list[psutil.Process]:
        """What the kernel has started, and what that has."""
        try:
            return self.process.children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def busiest_child(self) -> float:
        """The processor seconds of the one that has computed most."""
        spent = [0.0]
        for process in self.children():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                spent.append(times.user + times.system)
        return max(spent)

    def processor_seconds(self, children: list[psutil.Process]) -> float:
        """Spent by the kernel and by what it has started, as ``children`` has just told."""
        spent = 0.0
        for process in [self.process, *children]:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            spent += times.user + times.system
        return spent

    def catch(self, source: str) -> str | None:
        """Start a cell and come back when it is at work: it computes, or has started a process; None when it was done before."""
        known = self.children()
        before = self.processor_seconds(known)
        message = self.start(source)
        while True:
            if self.reply(message, timeout=_POLL_SECONDS):
                return None
            children = self.children()
            if self.processor_seconds(children) - before >= AT_WORK_SECONDS or set(children) - set(known):
                return message

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def kill(self) -> None:
        """SIGKILL to the kernel's process alone, its own process group as it is: a manager that shut it down would hide what is tested."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.close()

    def end(self) -> None:
        """As ``exit`` in a cell."""
        end(self.manager, self.client)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.cleanup_resources()
