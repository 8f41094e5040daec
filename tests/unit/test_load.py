"""Loads: everything is asked once, in order, a failed request is a result, and one result serves open and closed loops."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from companion.errors import SettingError
from companion.measure import load


def test_every_number_is_asked_once_and_answered_in_its_place():
    run = load.closed_loop_over(range(100), lambda number: number * number, threads=7)
    assert run.answers == [n * n for n in range(100)] and run.failed == 0
    assert run.due[0] == 0 and run.due.shape == run.latency.shape == (100,)


def test_a_failed_request_is_a_result_and_the_others_go_on():
    run = load.closed_loop_over(range(10), lambda number: 1 / (number - 3), threads=2)
    assert run.failed == 1 and isinstance(run.answers[3], ZeroDivisionError) and run.answers[4] == 1


def test_threads_ask_side_by_side():
    both = threading.Barrier(2)
    assert load.closed_loop_over(range(2), lambda _: both.wait(30) >= 0, threads=2).answers == [True, True]


def test_an_interrupt_ends_all_threads():
    def ask(number):
        if number == 5:
            raise KeyboardInterrupt
        time.sleep(0.001)
        return number

    with pytest.raises(KeyboardInterrupt):
        load.closed_loop_over(range(10**6), ask, threads=3)


def test_they_start_together():
    everyone = threading.Barrier(8)
    assert sorted(load.together(lambda: everyone.wait(30), threads=8)) == list(range(8))


def test_an_interrupt_before_all_have_come_leaves_nobody_waiting(monkeypatch):
    """Those who have come wait for the last, and the pool's end waits for them: the kernel would never come back."""
    submit, came = ThreadPoolExecutor.submit, []

    def interrupted(pool, call):
        if len(came) == 5:
            raise KeyboardInterrupt
        came.append(submit(pool, call))
        return came[-1]

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    ended = threading.Event()

    def reader() -> None:
        with pytest.raises(KeyboardInterrupt):
            load.together(lambda: 1, threads=8)
        ended.set()

    threading.Thread(target=reader, daemon=True).start()
    assert ended.wait(60) and all(future.done() for future in came)


@pytest.mark.parametrize("wrong", [{"items": []}, {"items": [1], "threads": 0}])
def test_nobody_and_nothing_is_refused(wrong):
    with pytest.raises(SettingError, match="must be above 0, got 0"):
        load.closed_loop_over(ask=print, **wrong)


def test_a_loop_ends_when_its_time_is_up_and_every_answer_is_kept():
    numbers = itertools.count()
    run = load.closed_loop(lambda: next(numbers), 0.05, threads=3, warm_up=2)
    assert sorted(run.answers) == list(range(2, 2 + len(run.due))) and run.failed == 0
    assert (np.diff(run.due) >= 0).all() and run.due[0] == 0 and run.rate > 0


@pytest.mark.parametrize(("answer", "failed"), [(False, 3), (np.False_, 3), (True, 0), (None, 0), ([], 0), (0, 0)])
def test_a_request_fails_by_an_exception_or_by_false(answer, failed):
    assert load.closed_loop_over(range(3), lambda _: answer).failed == failed


def test_an_open_loop_keeps_its_answers_in_the_order_in_which_they_were_due():
    run = load.open_loop(lambda: 1, 100, 0.1, threads=4, warm_up=1, seed=3)
    assert run.answers == [1] * len(run.due) and run.failed == 0 and (np.diff(run.due) >= 0).all()


def test_an_open_loop_over_items_asks_for_each_when_it_is_due():
    began = time.perf_counter()
    sent = {}

    def ask(item: str) -> str:
        sent[item] = time.perf_counter() - began
        return item.upper()

    run = load.open_loop_over(["a", "b", "c"], ask, np.array([0.0, 0.05, 0.05]), threads=2)
    assert run.answers == ["A", "B", "C"] and run.due.tolist() == [0.0, 0.05, 0.05]
    assert min(sent["b"], sent["c"]) >= 0.05 and (run.latency >= 0).all()


def test_an_open_loop_over_items_waits_for_nobody():
    """The first is answered only when the last has been sent."""
    last = threading.Event()
    run = load.open_loop_over([1, 2, 3], lambda i: last.set() if i == 3 else last.wait(60), np.array([0, 0.01, 0.02]))
    assert run.answers == [True, True, None] and run.failed == 0


@pytest.mark.parametrize(
    ("due", "items", "message"),
    [
        ([], [], "items must be above 0"),
        ([0.0], [1, 2], "2 items and 1 moments"),
        ([0.1, 0.0], [1, 2], "must ascend"),
        ([-0.1, 0.0], [1, 2], "must ascend"),
        ([np.nan, 0.0], [1, 2], "must ascend"),
    ],
)
def test_moments_that_are_none_are_refused(due, items, message):
    with pytest.raises(SettingError, match=message):
        load.open_loop_over(items, print, np.array(due))


def test_poisson_arrivals_are_as_many_as_they_should_be_and_spread_evenly():
    due = load.poisson(50, 200, seed=1)
    assert abs(len(due) - 10_000) < 4 * 100 and (np.diff(due) > 0).all() and due[0] >= 0 and due[-1] < 200
    assert abs(np.diff(due).std() * 50 - 1) < 0.05, "gaps of independent arrivals spread as much as they last"
    with pytest.raises(SettingError, match="rate must be above 0"):
        load.poisson(0, 1)
