"""The traces, and the server pool against Erlang's formula and against a simulation of every single request."""

import heapq
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import SettingError
from companion.simulate import traffic
from companion.simulate.traffic import ServerPool

DAY = 24 * 3600


def queue(arrivals: np.ndarray, servers: int, rate: float, seed: int = 0) -> np.ndarray:
    """Waiting time of each request, first come first served: a discrete-event simulation of M/M/c."""
    service = np.random.default_rng(seed + 1).exponential(1 / rate, len(arrivals))
    free, waits = [0.0] * servers, np.empty(len(arrivals))
    for number, arrival in enumerate(arrivals):
        begin = max(arrival, heapq.heappop(free))
        waits[number] = begin - arrival
        heapq.heappush(free, begin + service[number])
    return waits


def poisson(trace: np.ndarray, step_seconds: float, seed: int = 0) -> np.ndarray:
    """Arrival times of a Poisson process whose rate follows the trace."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(trace * step_seconds)
    return np.sort(np.repeat(np.arange(len(trace)), counts) * step_seconds + rng.random(counts.sum()) * step_seconds)


def mean_latency(run: traffic.Run) -> np.ndarray:
    """Mean response time in seconds at each step, of the requests that did not fail, as the run's columns define it."""
    return run.delay + run.wait_probability / run.wait_rate + 1 / run.service_rate


def hold(instances: int):
    return lambda _: instances


# Traces

TRACES = [traffic.diurnal, traffic.ten_x_day, traffic.launch_spike]


@pytest.mark.parametrize("make", TRACES, ids=lambda make: make.__name__)
def test_a_trace_is_a_day_of_15_second_steps_the_same_for_the_same_seed(make):
    trace = make(seed=3)
    assert trace.shape == (5760,) and trace.dtype == float and (trace > 0).all()
    assert np.array_equal(trace, make(seed=3)) and not np.array_equal(trace, make(seed=4))
    assert make(seed=3, hours=2, step_seconds=60).shape == (120,)


def test_shapes_are_what_their_names_say():
    day = traffic.diurnal(100, 400)
    assert day.max() == 400 and day.min() == 100 and day[20 * 240] == 400 and day[8 * 240] == 100
    ten = traffic.ten_x_day(50)
    assert ten.max() / ten.min() == 10
    spike = traffic.launch_spike(100, 1000, at_hour=18)
    assert (spike[: 18 * 240] == 100).all() and (spike[18 * 240 + 8 : 19 * 240] == 1000).all()


def test_noise_keeps_the_mean_and_remembers():
    flat = np.full(40_000, 200.0)
    noisy = traffic.with_noise(flat, deviation=0.1, memory_seconds=120, seed=1)
    assert abs(noisy.mean() / 200 - 1) < 0.01 and 0.09 < np.log(noisy / 200).std() < 0.11
    level = np.log(noisy) - np.log(noisy).mean()
    assert abs(np.corrcoef(level[8:], level[:-8])[0, 1] - np.exp(-1)) < 0.05, "8 steps are the 120 s of its memory"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: traffic.diurnal(400, 100), "peak must be at least base"),
        (lambda: traffic.diurnal(-1, 100), "base must be a positive number, got -1"),
        (lambda: traffic.ten_x_day(hours=0), "hours must be"),
        (lambda: traffic.with_noise([1, float("nan")]), r"trace\[1\] must be a number"),
        (lambda: traffic.with_noise([[1, 2]]), r"one dimension.*\(1, 2\)"),
        (lambda: traffic.replay([], ServerPool(), hold(1)), "at least one step"),
        (lambda: traffic.replay([1, 2, -3], ServerPool(), hold(1)), r"trace\[2\].*-3"),
        (lambda: traffic.replay([1], ServerPool(), hold(-1)), "can't have -1 instances"),
        (lambda: ServerPool(boot_seconds=-1), "boot_seconds must be at least 0"),
        (lambda: ServerPool(workers=0), "workers must be at least 1"),
        (lambda: ServerPool(service_rate=0), "service_rate must be a positive number"),
    ],
)
def test_bad_input_is_one_error_that_names_it(call, message):
    with pytest.raises(SettingError, match=message):
        call()


# Erlang's formula


def erlang_b_recursion(load: float, servers: int) -> float:
    blocked = 1.0
    for c in range(1, servers + 1):
        blocked = load * blocked / (c + load * blocked)
    return blocked


def test_erlang_c_of_textbook_cases():
    assert traffic.erlang_c(0.5, 1.0, 1) == pytest.approx(0.5), "with one server it is the load (M/M/1)"
    assert traffic.erlang_c(1.0, 1.0, 2) == pytest.approx(1 / 3), "M/M/2 at load 1: 2 rho^2 / (1 + rho)"
    assert traffic.erlang_c(0, 1.0, 3) == 0 and traffic.erlang_c(3, 1.0, 3) == 1 == traffic.erlang_c(1, 1.0, 0)
    assert traffic.erlang_c(np.array([0.5, 2.0]), 1.0, np.array([1, 1])) == pytest.approx([0.5, 1.0])


@settings(deadline=None)
@given(st.integers(1, 600), st.floats(0.01, 0.999), st.floats(0.1, 100))
def test_erlang_c_equals_the_recursion(servers, busy, rate):
    load = busy * servers
    blocked = erlang_b_recursion(load, servers)
    expected = blocked / (1 - busy * (1 - blocked))
    assert traffic.erlang_c(load * rate, rate, servers) == pytest.approx(expected, rel=1e-6, abs=1e-12)


# The pool


@pytest.mark.parametrize(("servers", "busy"), [(1, 0.5), (4, 0.8), (16, 0.9), (40, 0.95)])
def test_a_settled_pool_is_erlangs_queue(servers, busy):
    arrivals = busy * servers * 10
    pool = ServerPool(servers, service_rate=10, workers=1)
    run = traffic.replay(np.full(4000, arrivals), pool, hold(servers))
    waits = traffic.erlang_c(arrivals, 10, servers)
    assert run.wait_probability[-1] == pytest.approx(waits)
    assert mean_latency(run)[-1] == pytest.approx(waits / (servers * 10 - arrivals) + 0.1)
    assert run.waiting[-1] == pytest.approx(arrivals * waits / (servers * 10 - arrivals)), "Little's law"
    assert run.utilisation[-1] == pytest.approx(busy)


@pytest.mark.parametrize(("servers", "busy"), [(4, 0.8), (16, 0.9)])
def test_a_settled_pool_is_a_simulated_queue(servers, busy):
    """Every request on its own, 400,000 of them, and the same mean, tail and 95th percentile within the sampling error."""
    arrivals = busy * servers * 10
    times = poisson(np.full(1, arrivals), 400_000 / arrivals)
    waits = queue(times, servers, 10)[20_000:]
    response = waits + np.random.default_rng(9).exponential(0.1, len(waits))
    pool = ServerPool(servers, service_rate=10, workers=1)
    run = traffic.replay(np.full(2000, arrivals), pool, hold(servers))
    assert (waits > 0).mean() == pytest.approx(run.wait_probability[-1], rel=0.05)
    assert response.mean() == pytest.approx(mean_latency(run)[-1], rel=0.05)
    assert (response > 0.3).mean() == pytest.approx(traffic.slow_share(run, 0.3)[-1], rel=0.05)
    assert np.quantile(response, 0.95) == pytest.approx(traffic.latency(run)[-1], rel=0.05)


def test_an_overload_grows_and_drains_like_a_simulated_queue():
    """Ten minutes at 80 %, two at 120 %, ten at 80 %: the pool's fluid against the mean of every single request."""
    trace = np.concatenate([np.full(40, 320.0), np.full(8, 480.0), np.full(40, 320.0)])
    pool = ServerPool(5, service_rate=10, workers=8, timeout_seconds=1e9)
    run = traffic.replay(trace, pool, hold(5))
    means = []
    for seed in range(4):
        times = poisson(trace, 15, seed)
        waits = queue(times, 40, 10, seed)
        step = np.minimum((times // 15).astype(int), len(trace) - 1)
        means.append(np.bincount(step, waits, len(trace)) / np.bincount(step, minlength=len(trace)))
    simulated, predicted = np.mean(means, axis=0), mean_latency(run) - 0.1
    # the pool reports the end of a step, the simulation the mean over it
    predicted[1:] = (predicted[1:] + predicted[:-1]) / 2
    assert simulated.max() == pytest.approx(predicted.max(), rel=0.1) and predicted.max() > 15
    assert abs(simulated - predicted).max() < 0.1 * predicted.max()
    assert predicted[-1] < 0.05 and simulated[-1] < 0.05


def test_what_waits_too_long_fails_and_every_request_is_accounted_for():
    trace = np.concatenate([np.full(20, 150.0), np.zeros(10)])
    pool = ServerPool(1, service_rate=10, workers=10, timeout_seconds=4, step_seconds=15)
    run = traffic.replay(trace, pool, hold(1))
    served = run.utilisation * 100
    assert run.waiting.max() == 400, "100/s for 4 s"
    assert (served.sum() + run.failed.sum()) * 15 + run.waiting[-1] == pytest.approx(trace.sum() * 15)
    assert traffic.slow_share(run, 0.5)[10] == 1 and traffic.slow_share(run, 0.5)[-1] == 0


def test_no_instance_answers_nothing():
    run = traffic.replay([50.0, 50.0], ServerPool(0), hold(0))
    assert run.failed.tolist() == [50, 50] and run.utilisation.tolist() == [0, 0]
    assert traffic.slow_share(run, 9.0).tolist() == [1, 1] and np.isfinite(traffic.latency(run)).all()


def test_an_instance_serves_after_its_boot_and_is_paid_before():
    pool = ServerPool(1, boot_seconds=60)
    run = traffic.replay(np.full(8, 10.0), pool, hold(3))
    assert run.serving.tolist() == [1, 1, 1, 1, 3, 3, 3, 3]
    assert run.capacity.tolist() == [3] * 8
    assert traffic.instance_hours(run) == pytest.approx(3 * 8 * 15 / 3600)
    assert traffic.cost(run, 0.2) == pytest.approx(0.2 * 3 * 8 * 15 / 3600)


def test_the_newest_instance_goes_first():
    pool = ServerPool(2, boot_seconds=300)
    for wanted in (4, 3):
        pool.resize(wanted)
        pool.step(1.0)
    assert pool.launches == [traffic.ALWAYS, traffic.ALWAYS, 0.0]


def test_a_metric_is_as_old_as_its_lag():
    pool = ServerPool(1, lag_seconds=45)
    seen = []
    traffic.replay(np.arange(10.0), pool, lambda o: seen.append(o) or 1)
    assert [o.sample and o.sample.time for o in seen] == [None] * 4 + [15, 30, 45, 60, 75, 90]
    assert all(o.now - o.sample.time == 45 for o in seen if o.sample)


def test_slo_minutes_count_the_minutes_over_the_share():
    trace = np.concatenate([np.full(8, 50.0), np.full(8, 500.0), np.full(40, 1.0)])
    run = traffic.replay(trace, ServerPool(1, service_rate=10, workers=10), hold(1))
    assert traffic.slo_minutes(run, seconds=0.5, share=0.05) == pytest.approx(2.0, abs=0.5)
    assert traffic.slo_minutes(run, seconds=0.5, share=0.9) < 2.5 and traffic.slo_minutes(run, seconds=0.001) == 14.0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 2000), min_size=1, max_size=60),
    st.lists(st.integers(0, 12), min_size=1, max_size=8),
    st.floats(0, 300),
)
def test_a_pool_never_makes_or_loses_a_request(trace, sizes, boot):
    wanted = itertools.cycle(sizes)
    pool = ServerPool(2, boot_seconds=boot)
    run = traffic.replay(trace, pool, lambda _: next(wanted))
    assert (run.utilisation >= 0).all() and (run.utilisation <= 1 + 1e-12).all()
    assert (run.waiting >= 0).all() and (run.failed >= 0).all() and (run.serving <= run.capacity).all()
    for seconds in (0.1, 1.0):
        share = traffic.slow_share(run, seconds)
        assert (share >= -1e-9).all() and (share <= 1 + 1e-9).all()
    assert (traffic.latency(run, 0.5) <= traffic.latency(run, 0.95) + 1e-9).all()
