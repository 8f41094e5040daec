"""Three things that a process can be given to do, for the exercise on a map that survives its workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from companion.processes.wait import comes_true

#: whoever works on it is killed
KILLER = 13


def square(number: int) -> int:
    """The square; 13 kills the process that works on it, as a bug in a C library would."""
    if number == KILLER:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def inverse(number: int) -> float:
    """1 / number; 0 raises an ordinary exception."""
    return 1 / number


def meet(entry: tuple[str, int, int]) -> int:
    """Wait until another one is at work too, stay for a second, and note how many were seen at once.

    Args:
        entry: the folder where they see each other, a number of one's own, and how many there should be at most.

    Returns:
        the process that did it. In the folder there is ``seen_NUMBER_MOST`` then.
    """
    folder, number, workers = Path(entry[0]), entry[1], entry[2]
    mine, known, most = folder / f"at_work_{number}", folder / "known", 1
    mine.touch()

    def seen() -> int:
        nonlocal most
        most = max(most, len(list(folder.glob("at_work_*"))))
        return most

    comes_true(lambda: seen() > 1 or known.exists(), seconds=15, pause=0.01)
    known.touch()  # that somebody comes, or that nobody does: no other has to wait for it
    comes_true(lambda: seen() > workers, seconds=1, pause=0.01)
    (folder / f"seen_{number}_{most}").touch()
    mine.unlink()
    return os.getpid()
