"""Four things that a process can be given to do, for the exercise on a map that survives its workers."""

from __future__ import annotations

import os
import signal
import time
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


def square_beside(entry: tuple[str, int]) -> int:
    """As :func:`square`, and slow: whoever is at work when 13 kills its process needs a second more.

    A pool with a killed worker ends the others at once. So nothing that shares a pool with 13 gets done, on a fast machine or a busy one.

    Args:
        entry: the folder where a kill is noted, and the number.

    Returns:
        the square. In the folder there is ``worked_PID`` of the process then.
    """
    folder, number = Path(entry[0]), entry[1]

    def kills() -> int:
        return len(list(folder.glob("killed_*")))

    before = kills()
    if number == KILLER:
        (folder / f"killed_{os.getpid()}").touch()
    elif comes_true(lambda: kills() > before, seconds=0.1 if before else 5, pause=0.01):
        time.sleep(1)
    result = square(number)
    (folder / f"worked_{os.getpid()}").touch()
    return result


def meet(entry: tuple[str, int, int, int]) -> int:
    """Wait until another one is at work too, look for a second whether too many come, and note how many were seen at once.

    Args:
        entry: the folder where they see each other, a number of one's own, how many should be at work at most, and how many come in all.

    Returns:
        the process that did it. In the folder there is ``seen_NUMBER_MOST`` then.
    """
    folder, (number, workers, all_of_them) = Path(entry[0]), entry[1:]
    mine, known, most = folder / f"at_work_{number}", folder / "known", 1
    mine.touch()

    def seen() -> int:
        nonlocal most
        most = max(most, len(list(folder.glob("at_work_*"))))
        return most

    comes_true(lambda: seen() > 1 or known.exists(), seconds=15, pause=0.01)
    known.touch()  # that somebody comes, or that nobody does: no other has to wait for it

    def nobody_else_comes() -> bool:
        return len(list(folder.glob("at_work_*"))) + len(list(folder.glob("seen_*"))) == all_of_them

    comes_true(lambda: seen() > workers or nobody_else_comes(), seconds=1, pause=0.01)
    mine.unlink()
    (folder / f"seen_{number}_{most}").touch()
    return os.getpid()
