"""The replay asks everything once, in order, and a failed request is a result."""

import threading
import time

import pytest

from companion.errors import SettingError
from companion.measure import load


def test_every_number_is_asked_once_and_answered_in_its_place():
    run = load.replay(lambda number: number * number, requests=100, readers=7)
    assert run.answers == [n * n for n in range(100)] and run.failed == 0
    assert run.started[0] == 0 and run.started.shape == run.seconds.shape == (100,)


def test_a_failed_request_is_a_result_and_the_others_go_on():
    run = load.replay(lambda number: 1 / (number - 3), requests=10, readers=2)
    assert run.failed == 1 and isinstance(run.answers[3], ZeroDivisionError) and run.answers[4] == 1


def test_readers_ask_side_by_side():
    both = threading.Barrier(2)
    assert load.replay(lambda _: both.wait(30) >= 0, requests=2, readers=2).answers == [True, True]


def test_an_interrupt_ends_all_readers():
    def ask(number):
        if number == 5:
            raise KeyboardInterrupt
        time.sleep(0.001)
        return number

    with pytest.raises(KeyboardInterrupt):
        load.replay(ask, requests=10**6, readers=3)


def test_callers_start_together():
    everyone = threading.Barrier(8)
    assert sorted(load.together(lambda: everyone.wait(30), callers=8)) == list(range(8))


@pytest.mark.parametrize("wrong", [{"requests": 0}, {"requests": 1, "readers": 0}])
def test_nobody_and_nothing_is_refused(wrong):
    with pytest.raises(SettingError, match="must be at least 1"):
        load.replay(print, **wrong)
