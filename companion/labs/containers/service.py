"""A service in a container, or in its stand-in: wait for it, and ask what it and its engine know about it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from time import perf_counter
from typing import Any

from companion.processes import wait

PATIENCE = 120.0


def until(container: Any, condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until ``condition()`` holds; a TimeoutError with the end of the container's log after ``patience`` seconds.

    A request in it that gets no answer, because its worker died, is asked again.
    """
    import requests

    def holds() -> object:
        with contextlib.suppress(requests.RequestException):
            return condition()
        return False

    wait.until(holds, patience, "it has not come true", detail=lambda: container.logs().decode()[-1500:], pause=0.05)


def until_ready(container: Any, address: Callable[[], str], patience: float = PATIENCE) -> float:
    """Seconds until ``/readyz`` has said 200.

    Args:
        address: the service's; asked again each time, because a restart may give it a new port.
    """
    import requests

    def ready() -> bool:
        try:
            container.reload()
            return requests.get(f"{address()}/readyz", timeout=5).ok
        except (requests.RequestException, KeyError, IndexError):  # not listening yet, or no port yet
            return False

    began = perf_counter()
    until(container, ready, patience)
    return perf_counter() - began


def health(container: Any) -> str:
    """What the engine's own probe says: ``starting``, ``healthy`` or ``unhealthy``."""
    container.reload()
    return str(container.attrs["State"]["Health"]["Status"])


def metric(url: str, name: str) -> float:
    """A counter of ``/metrics`` that has no labels; KeyError when it is not there."""
    import requests

    found = re.findall(rf"^{re.escape(name)} (\S+)$", requests.get(f"{url}/metrics", timeout=30).text, re.MULTILINE)
    if not found:
        raise KeyError(name)
    return float(found[0])
