"""Load on a service, sent and timed from this process: open loop (arrivals wait for nobody) and closed loop (threads do).

A latency is counted from the moment at which a request was *due*, so that a stall of the service shows in every request that
it held up, also in those that could not be sent in time. In a closed loop nothing is due while a thread waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from companion.errors import SettingError
from companion.processes import wait


@dataclass(frozen=True)
class LoadResult:
    """What came back.

    Attributes:
        due: when each request was due, or in a closed loop was sent, seconds since the beginning; shape (requests,).
        latency: seconds from then to its answer, same shape.
        answers: what was returned, in the same order; an exception that was raised counts as an answer.
    """

    due: np.ndarray
    latency: np.ndarray
    answers: list[Any]

    @property
    def failed(self) -> int:
        """Requests that were not answered as they should be: those that raised, and those that returned False."""
        return sum(isinstance(answer, Exception) or _is_false(answer) for answer in self.answers)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.due) / float((self.due + self.latency).max()) if len(self.due) else 0.0

    def percentile(self, share: float) -> float:
        """Latency that ``share`` percent of the requests stay below, seconds."""
        return float(np.percentile(self.latency, share))


def poisson(rate: float, seconds: float, *, seed: int = 0) -> np.ndarray:
    """Moments at which independent requests are due, seconds since the beginning; a profile is several of them, one behind the other.

    Raises:
        SettingError: a rate or a duration that is not positive.
    """
    _check(rate=rate, seconds=seconds)
    gaps = np.random.default_rng(seed).exponential(1 / rate, int(2 * rate * seconds) + 20)
    due = np.cumsum(gaps)
    return due[due < seconds]


def open_loop(
    ask: Callable[[], object], rate: float, seconds: float, *, threads: int = 64, warm_up: int = 8, seed: int = 0
) -> LoadResult:
    """Poisson arrivals: a request is sent when it is due, whatever happened to those before.

    Args:
        ask: one request; False or an exception is a failure. Called from several threads.
        rate: requests a second, on average.
        threads: how many may be under way; further ones wait, and their wait counts.
        warm_up: requests before the beginning that don't count (connections, first use).

    Raises:
        SettingError: a rate, a duration or a number of threads that is not positive.
    """
    due = poisson(rate, seconds, seed=seed)
    _check(threads=threads)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: _answer(ask), range(warm_up)))
        return _open(pool, due, [ask] * len(due))


def open_loop_over(
    items: Sequence[Any], ask: Callable[[Any], object], due: np.ndarray, *, threads: int = 64
) -> LoadResult:
    """An open loop over given requests: ``ask(item)`` is sent when it is due, whatever happened to those before.

    Args:
        items: as many as there are moments.
        ask, threads: as of :func:`open_loop`.
        due: seconds since the beginning, ascending, such as :func:`poisson` gives; shape (requests,).

    Raises:
        SettingError: no items, another number of moments, moments that go back, or a number of threads that is not positive.
    """
    _check(items=len(items), threads=threads)
    if len(items) != len(due):
        raise SettingError(f"there are {len(items)} items and {len(due)} moments at which they are due")
    if not (due[0] >= 0 and (np.diff(due) >= 0).all()):
        raise SettingError("the moments at which requests are due must ascend from 0")
    with ThreadPoolExecutor(threads) as pool:
        return _open(pool, np.asarray(due, float), [partial(ask, item) for item in items])


def _open(pool: ThreadPoolExecutor, due: np.ndarray, asks: list[Callable[[], object]]) -> LoadResult:
    begin = time.perf_counter()

    def send(at: float, ask: Callable[[], object]) -> tuple[float, object]:
        answer = _answer(ask)
        return time.perf_counter() - begin - at, answer

    futures = []
    for at, ask in zip(due.tolist(), asks, strict=True):
        if (pause := begin + at - time.perf_counter()) > 0:
            time.sleep(pause)
        futures.append(pool.submit(send, at, ask))
    outcomes = [future.result() for future in futures]
    return LoadResult(due, np.array([latency for latency, _ in outcomes]), [answer for _, answer in outcomes])


def closed_loop(ask: Callable[[], object], seconds: float, *, threads: int = 4, warm_up: int = 8) -> LoadResult:
    """Threads that each send a request, wait for the answer, and send the next one, until time is up.

    Arguments and errors as of :func:`open_loop`.
    """
    _check(seconds=seconds, threads=threads)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: _answer(ask), range(warm_up)))
        end = time.perf_counter() + seconds

        def until_the_end() -> Iterator[None]:
            while time.perf_counter() < end:
                yield None

        return _closed(pool, threads, lambda _: ask(), until_the_end())


def closed_loop_over(items: Iterable[Any], ask: Callable[[Any], object], *, threads: int = 4) -> LoadResult:
    """A closed loop over given requests: threads call ``ask(item)`` until each is answered.

    They are taken in their order, and the answers come in it.

    Raises:
        SettingError: no items, or a number of threads that is not positive.
    """
    given = list(items)
    _check(items=len(given), threads=threads)
    with ThreadPoolExecutor(threads) as pool:
        return _closed(pool, threads, ask, iter(given))


def _closed(pool: ThreadPoolExecutor, threads: int, ask: Callable[[Any], object], waiting: Iterator[Any]) -> LoadResult:
    guard, stop = threading.Lock(), threading.Event()
    sent: list[float] = []
    done: dict[int, tuple[float, object]] = {}

    def work() -> None:
        try:
            while not stop.is_set():
                with guard:
                    try:
                        item = next(waiting)
                    except StopIteration:
                        return
                    number, begin = len(sent), time.perf_counter()
                    sent.append(begin)
                answer = _answer(partial(ask, item))
                done[number] = (time.perf_counter() - begin, answer)
        except BaseException:  # what is no failed request ends all of them
            stop.set()
            raise

    try:
        for worker in [pool.submit(work) for _ in range(threads)]:
            worker.result()
    finally:
        stop.set()  # an interrupt of this thread, too
    outcomes = [done[number] for number in range(len(sent))]
    due = np.array(sent) - sent[0] if sent else np.zeros(0)
    return LoadResult(due, np.array([latency for latency, _ in outcomes]), [answer for _, answer in outcomes])


def together(function: Callable[[], object], *, threads: int = 16) -> list[Any]:
    """Call ``function()`` from ``threads`` threads at the same moment; their results."""
    start = threading.Barrier(threads)

    def call() -> object:
        start.wait()
        return function()

    with ThreadPoolExecutor(threads) as pool:
        try:
            return [future.result() for future in [pool.submit(call) for _ in range(threads)]]
        except BaseException:
            start.abort()  # an interrupt before the last has come: the others would wait for it, and the pool for them
            raise


class Background:
    """A closed loop of one thread of its own, for as long as the ``with`` block takes.

    Attributes:
        answers: what ``ask`` returned, as (seconds since the beginning, value), in order.
        errors: exceptions that it raised; it goes on after one.
    """

    def __init__(self, ask: Callable[[], object], pause: float = 0.01):
        self.answers: list[tuple[float, object]] = []
        self.errors: list[Exception] = []
        self._ask, self._pause, self._end = ask, pause, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        begin = time.perf_counter()
        while not self._end.is_set():
            try:
                answer = self._ask()
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


def _answer(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except Exception as error:  # a failed request is a result
        return error


def _is_false(answer: object) -> bool:
    return isinstance(answer, bool | np.bool_) and not answer


def _check(**positive: float) -> None:
    for name, value in positive.items():
        if not value > 0:
            raise SettingError(f"{name} must be above 0, got {value}")
