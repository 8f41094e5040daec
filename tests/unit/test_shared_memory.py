"""The cells that make a block of shared memory, interrupted in the moment in which Python has made it and told nobody yet.

``SharedMemory(create=True)`` maps the block and then registers it with the resource tracker; what comes in between leaves a
file in /dev/shm that outlives everybody. The moment is microseconds long: here the interrupt is sent from within it.
"""

import mmap
import signal
from multiprocessing import shared_memory
from types import SimpleNamespace

import numpy as np
import pytest
from harness import chapters

from companion import book, this_run
from companion.datasets import seismic

MAKES = "SharedMemory(create=True"
PICTURE = np.ones((4, 4), np.float32)
#: what the cell uses of those before it
GIVEN = {
    "multiprocessing_images": {"pictures": PICTURE},
    "case_chevron_seismic": {"records": [PICTURE], "smooth": PICTURE, "shots": [3], "seismic": seismic},
}


def making(chapter: book.Chapter) -> list[str]:
    """The cells that make a block."""
    return [source for source in chapters.taught(chapter) if MAKES in source]


def test_these_are_all_that_make_one():
    assert [c.name for c in book.BOOK for _ in making(c)] == list(GIVEN)


@pytest.mark.parametrize("name", GIVEN)
def test_an_interrupt_before_the_tracker_knows_of_a_block_waits_until_it_does(name, monkeypatch):
    (cell,), space = making(book.chapter(name)), {"np": np, "shared_memory": shared_memory, **GIVEN[name]}

    def interrupted(*given):
        made = mmap.mmap(*given)
        signal.raise_signal(signal.SIGINT)
        return made

    block = f"/psm_{this_run.TAG}"
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(shared_memory, "mmap", SimpleNamespace(mmap=interrupted))
    monkeypatch.setattr(shared_memory, "_make_filename", lambda: block)
    try:
        with pytest.raises(KeyboardInterrupt):
            exec(cell, space)  # noqa: S102
    finally:
        signal.signal(signal.SIGINT, previous)
        monkeypatch.undo()
        left = shared_memory.SharedMemory(block)
        left.unlink()
        left.close()
    assert "block" in space, (
        "made and registered as a whole: the reader, or the tracker at the kernel's end, takes it away"
    )
