"""The one "until, or time is up": who waits in vain hears what for, how long, and why.

Every other module waits by it, so that giving up looks the same everywhere: ``WHAT after N s``, or ``WHAT`` at once where
waiting has become pointless, and behind it whatever the caller knows about the reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from companion.errors import EngineUnavailable


class WaitError(EngineUnavailable, TimeoutError):
    """What was waited for has not come; the message says what, after how many seconds, and why."""


def until[T](
    condition: Callable[[], T | None],
    seconds: float,
    what: str,
    *,
    over: Callable[[], str | None] | None = None,
    detail: Callable[[], str] | None = None,
    pause: float = 0.05,
) -> T:
    """Ask ``condition()`` until its answer is true, and return that answer. It is asked at least once.

    Args:
        seconds: how long.
        what: a sentence on what has not come, for the error: ``the cloud did not start``.
        over: why waiting has become pointless (a process that has died), or None while it has not. The words may be empty
            where ``detail`` says it.
        detail: what is known about the reason once it was given up, such as the end of a log.
        pause: seconds between two questions.

    Raises:
        WaitError: time is up, or waiting has become pointless.
    """
    end = time.monotonic() + seconds
    while not (answer := condition()):
        reason = over() if over else None
        if reason is None and time.monotonic() < end:
            time.sleep(pause)
            continue
        sentence = f"{what} after {seconds:g} s" if reason is None else what
        known = [part for part in (reason, detail() if detail else "") if part]
        raise WaitError(": ".join([sentence, ". ".join(known)]) if known else sentence)
    return answer


def comes_true(condition: Callable[[], object], seconds: float = 60, pause: float = 0.2) -> bool:
    """Whether the condition comes true within ``seconds``: for where both answers are fine."""
    try:
        until(condition, seconds, "it has not come true", pause=pause)
    except WaitError:
        return False
    return True


def end_of(log: str, lines: int = 5) -> str:
    """The last lines of a log that hold anything, for an error."""
    said = [line.rstrip() for line in log.splitlines() if line.strip()]
    return "The end of its log:\n" + "\n".join(said[-lines:]) if said else "Its log is empty"


def telling_line(log: str) -> str:
    """The line of a log that says most about a failure: the last that names an error, else the last."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "no output")
