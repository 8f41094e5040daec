"""A closed loop of readers: each asks, waits for its answer, and asks again at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Run:
    """What happened to each request, in the order in which they were taken from the list.

    Attributes:
        started, seconds: when it was asked, in seconds after the first, and how long the answer took; shape (requests,).
        answers: what came back; an exception that was raised counts as one.
    """

    started: np.ndarray
    seconds: np.ndarray
    answers: list

    @property
    def failed(self) -> int:
        return sum(isinstance(answer, Exception) for answer in self.answers)


def closed_loop(ask: Callable[[int], object], requests: int, readers: int = 4) -> Run:
    """``readers`` threads call ``ask(0)``, ``ask(1)`` ... until ``requests`` are answered; the numbers are taken in order.

    Raises:
        ValueError: fewer than one request or reader.
    """
    if requests < 1 or readers < 1:
        raise ValueError(f"requests and readers must be at least 1, got {requests} and {readers}")
    numbers, guard, stop = iter(range(requests)), threading.Lock(), threading.Event()
    started, seconds, answers = np.zeros(requests), np.zeros(requests), [None] * requests

    def read() -> None:
        try:
            while not stop.is_set():
                with guard:
                    number = next(numbers, None)
                if number is None:
                    return
                started[number] = time.perf_counter()
                try:
                    answers[number] = ask(number)
                except Exception as error:  # a failed request is a result
                    answers[number] = error
                seconds[number] = time.perf_counter() - started[number]
        except BaseException:  # anything else ends all of them
            stop.set()
            raise

    with ThreadPoolExecutor(readers) as pool:
        try:
            for reader in [pool.submit(read) for _ in range(readers)]:
                reader.result()
        finally:
            stop.set()  # an interrupt of this thread, too
    return Run(started - started[0], seconds, answers)


def together(function: Callable[[], object], callers: int = 16) -> list:
    """Call ``function()`` from ``callers`` threads at the same moment; their results."""
    start = threading.Barrier(callers)

    def call() -> object:
        start.wait()
        return function()

    with ThreadPoolExecutor(callers) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(callers)]]
