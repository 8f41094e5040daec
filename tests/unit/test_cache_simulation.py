"""Expiries agree with what can be calculated, and every order of steps is really every one."""

import math

import pytest

from companion import SettingError
from companion.simulate import cache


def test_without_early_starts_all_that_arrive_during_a_computation_compute():
    computed, missed = cache.expiries(rate=10, delta=3, ttl=60, beta=0)
    assert computed == pytest.approx(1 + 10 * 3, rel=0.05)
    assert missed == pytest.approx(30 / (10 * 63), rel=0.1), "about one delta in each round of ttl and delta"


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0])
def test_xfetch_costs_e_to_the_one_over_beta_computations_and_nobody_misses(beta):
    computed, missed = cache.expiries(rate=20, delta=3, ttl=120, beta=beta, requests=200_000)
    assert computed == pytest.approx(math.exp(1 / beta), rel=0.1) and missed < 1e-3


def test_rare_requests_always_miss():
    assert cache.expiries(rate=0.001, delta=1, ttl=1, requests=2_000) == pytest.approx((1, 1), abs=0.01)


@pytest.mark.parametrize("wrong", [{"rate": 0}, {"delta": -1}, {"ttl": 0}, {"beta": -1}, {"requests": 0}])
def test_impossible_traffic_is_refused(wrong):
    with pytest.raises(ValueError, match="must be positive"):
        cache.expiries(**{"rate": 1, "delta": 1, "ttl": 1, **wrong})


def test_every_order_of_the_steps_once():
    said = []

    def process(name):
        for _ in range(2):
            said.append(name)
            yield

    def start():
        said.clear()
        return {"a": process("a"), "b": process("b")}

    orders = cache.every_order(start, {"a": 2, "b": 2}, lambda: "".join(said))
    assert orders == ["aabb", "abab", "abba", "baab", "baba", "bbaa"]


def test_it_finds_the_lost_update():
    counter = {}

    def add():
        seen = counter["n"]
        yield
        counter["n"] = seen + 1

    def start():
        counter["n"] = 0
        return {"a": add(), "b": add()}

    assert cache.every_order(start, {"a": 2, "b": 2}, lambda: counter["n"]) == [2, 1, 1, 1, 1, 2]


def test_as_many_orders_as_the_multinomial_says_and_none_twice():
    orders = list(cache._orders({"w": 3, "r": 3, "s": 3}))
    assert len(set(orders)) == len(orders) == math.factorial(9) // 6**3 and orders == sorted(orders)


def test_a_step_that_no_order_would_run_is_told():
    def start():
        return {"a": iter("xyz"), "b": iter("x")}

    with pytest.raises(SettingError, match="a has more than 2 steps"):
        cache.every_order(start, {"a": 2, "b": 1}, list)
