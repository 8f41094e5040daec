"""The ranking as a service: the text of its module, and a client that asks it for many customers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

#: behind the source of ``rank`` and ``rank_range``: an application for gunicorn, in the notebook's own words
APPLICATION = """
from flask import Flask

application = Flask("ranking")


@application.get("/rank/<int:start>/<int:stop>")
def ranked(start, stop):
    return rank_range({folder!r}, start, stop).tolist()
"""


def source(functions: Path, folder: Path) -> str:
    """The module that gunicorn loads: the file with the functions, and the route in front of them."""
    return functions.read_text(encoding="utf-8") + APPLICATION.format(folder=str(folder))


def client(url: str, at_once: int = 4, most: int = 1_000) -> Callable[[int, int], np.ndarray]:
    """A function ``ask(start, stop)``: the service's rows for these customers, in order, shape (stop - start, 10), int16.

    Args:
        at_once: requests under way.
        most: customers in a request.
    """
    import requests

    def one(start: int, stop: int) -> np.ndarray:
        reply = requests.get(f"{url}/rank/{start}/{stop}", timeout=60)
        reply.raise_for_status()
        return np.array(reply.json(), np.int16).reshape(-1, 10)

    def ask(start: int, stop: int) -> np.ndarray:
        starts = list(range(start, stop, most))
        with ThreadPoolExecutor(at_once) as threads:
            rows = list(threads.map(lambda first: one(first, min(first + most, stop)), starts))
        return np.concatenate(rows) if rows else np.empty((0, 10), np.int16)

    return ask
