"""How much memory it took: the peak of a process and its children."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


#: The system counts who shares each of a process' pages in milliseconds, and its pages in microseconds. What it has found stands as
#: long as there are about as many (bytes), for so many looks at most: a page that was shared can become its own without being one more
_NO_CHANGE, _LOOKS = 2**18, 4


@dataclass
class Peak:
    """The largest memory seen so far, in bytes, of this process and its children together (shared pages counted once)."""

    bytes: int = 0

    @property
    def mib(self) -> float:
        return self.bytes / 2**20


@contextmanager
def peak_memory(pid: int | None = None, interval: float = 0.05) -> Iterator[Peak]:
    """Sample the memory of a process tree while the block runs.

    Args:
        pid: root of the tree; this process by default.
        interval: seconds between samples; a shorter peak can be missed, and so can a child that fewer than two of them see.
    """
    import psutil

    peak = Peak()
    root, counted = psutil.Process(pid), dict[int, tuple[int, int, int]]()
    known = {child.pid for child in root.children(recursive=True)}

    def sample() -> None:
        peak.bytes = max(peak.bytes, _tree_memory(root, known, counted))

    with sampling(sample, interval):
        yield peak


@contextmanager
def sampling(look: Callable[[], None], interval: float) -> Iterator[None]:
    """Call ``look`` on a thread of its own while the block runs: at once, and then every ``interval`` seconds."""
    done = threading.Event()

    def work() -> None:
        while True:
            look()
            if done.wait(interval):
                return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _tree_memory(root: psutil.Process, known: set[int], counted: dict[int, tuple[int, int, int]]) -> int:
    """Bytes of the tree. A child counts from the second time on that it is seen; ``known`` keeps who was.

    Before it runs its own program a new process has the memory of its parent, the very same and not a copy (vfork): a sample at
    that moment would count the parent twice.
    """
    import psutil

    total = 0
    try:
        children = root.children(recursive=True)
    except psutil.NoSuchProcess:
        return 0
    grown = [child for child in children if child.pid in known]
    known.update(child.pid for child in children)
    for process in [root, *grown]:
        try:
            resident = process.memory_info().rss
            before, size, looks = counted.get(process.pid, (0, 0, 0))
            if not looks or abs(resident - before) >= _NO_CHANGE:
                before, size, looks = resident, _size(process, resident), _LOOKS
            counted[process.pid] = before, size, looks - 1
            total += size
        except psutil.NoSuchProcess:
            continue
    return total


def _size(process: psutil.Process, resident: int) -> int:
    import psutil

    try:
        # proportional set size where the system has it: pages shared by n processes count 1/n in each
        full = process.memory_full_info()
    except psutil.AccessDenied:
        return resident
    return int(getattr(full, "pss", full.uss))
