"""Load on a service, sent and timed from this process: open loop (arrivals wait for nobody) and closed loop (clients do).

A latency is counted from the moment at which a request was *due*, so that a stall of the service shows in every request that
it held up, also in those that could not be sent in time. In a closed loop nothing is due while a client waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from companion.errors import SettingError
from companion.processes import wait


@dataclass(frozen=True)
class Load:
    """What came back.

    Attributes:
        due: when each request was due, seconds since the beginning, in order, shape (requests,).
        latency: seconds from then to its answer, same shape.
        failures: requests that were not answered as they should be.
    """

    due: np.ndarray
    latency: np.ndarray
    failures: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.due) / float((self.due + self.latency).max()) if len(self.due) else 0.0

    def percentile(self, share: float) -> float:
        """Latency that ``share`` percent of the requests stay below, seconds."""
        return float(np.percentile(self.latency, share))


def open_loop(
    call: Callable[[], bool], rate: float, seconds: float, *, seed: int = 0, senders: int = 64, warm_up: int = 8
) -> Load:
    """Poisson arrivals: a request is sent when it is due, whatever happened to those before.

    Args:
        call: one request; False or an exception is a failure. Called from several threads.
        rate: requests a second, on average.
        senders: how many may be under way; further ones wait, and their wait counts.
        warm_up: requests before the beginning that don't count (connections, first use).

    Raises:
        SettingError: a rate, a duration or a number of senders that is not positive.
    """
    _positive(rate=rate, seconds=seconds, senders=senders)
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(1 / rate, int(2 * rate * seconds) + 20)
    due = np.cumsum(gaps)
    due = due[due < seconds]
    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(lambda _: _outcome(call), range(warm_up)))
        begin = time.perf_counter()

        def send(at: float) -> tuple[float, bool]:
            good = _outcome(call)
            return time.perf_counter() - begin - at, good

        futures = []
        for at in due:
            if (pause := begin + at - time.perf_counter()) > 0:
                time.sleep(pause)
            futures.append(pool.submit(send, float(at)))
        outcomes = [future.result() for future in futures]
    return _load(due, outcomes)


def closed_loop(call: Callable[[], bool], clients: int, seconds: float, *, warm_up: int = 8) -> Load:
    """Clients that each send a request, wait for the answer, and send the next one; arguments as in :func:`open_loop`."""
    _positive(clients=clients, seconds=seconds)
    done: list[tuple[float, float, bool]] = []
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda _: _outcome(call), range(warm_up)))
        begin = time.perf_counter()

        def client(_: int) -> None:
            while (sent := time.perf_counter() - begin) < seconds:
                good = _outcome(call)
                done.append((sent, time.perf_counter() - begin - sent, good))

        list(pool.map(client, range(clients)))
    done.sort()
    return _load(np.array([sent for sent, _, _ in done]), [(latency, good) for _, latency, good in done])


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


def replay(ask: Callable[[int], object], requests: int, readers: int = 4) -> Run:
    """A closed loop over a given list of requests: ``readers`` threads call ``ask(0)``, ``ask(1)`` ... until ``requests`` are answered; the numbers are taken in order.

    Raises:
        SettingError: fewer than one request or reader.
    """
    if requests < 1 or readers < 1:
        raise SettingError(f"requests and readers must be at least 1, got {requests} and {readers}")
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


class Background:
    """A closed loop of one client in a thread of its own, for as long as the ``with`` block takes.

    Attributes:
        answers: what ``call`` returned, as (seconds since the beginning, value), in order.
        errors: exceptions that it raised; it goes on after one.
    """

    def __init__(self, call: Callable[[], object], pause: float = 0.01):
        self.answers: list[tuple[float, object]] = []
        self.errors: list[Exception] = []
        self._call, self._pause, self._end = call, pause, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        begin = time.perf_counter()
        while not self._end.is_set():
            try:
                answer = self._call()
                self.answers.append((time.perf_counter() - begin, answer))
            except Exception as error:
                self.errors.append(error)
            self._end.wait(self._pause)

    def until(self, true: Callable[[list[object]], bool], seconds: float = 60.0) -> None:
        """Wait until ``true`` of all answers so far; a WaitError (a TimeoutError) after ``seconds``."""
        wait.until(lambda: true([answer for _, answer in self.answers]), seconds, "it has not come true", pause=0.02)

    def __enter__(self) -> Background:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def _outcome(call: Callable[[], bool]) -> bool:
    try:
        return bool(call())
    except Exception:
        return False


def _load(due: np.ndarray, outcomes: list[tuple[float, bool]]) -> Load:
    latency = np.array([latency for latency, _ in outcomes])
    return Load(due, latency, sum(not good for _, good in outcomes))


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise SettingError(f"{name} must be above 0, got {value}")
