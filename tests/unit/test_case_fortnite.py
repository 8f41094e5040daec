"""The evenings, forecasts and failures of the Fortnite notebook: what is planted, what theory says, and the exercises' references."""

import itertools
import math

import numpy as np
import pytest
from harness import chapters
from hypothesis import example, given, settings
from hypothesis import strategies as st

from companion.book import chapter
from companion.configs import manifests
from companion.errors import SettingError
from companion.labs.scaling import crowd_plots, crowds, customers, quota, retries, scryer, shards
from companion.simulate import target_tracking, traffic

NEEDS = st.lists(st.integers(0, 9), min_size=1, max_size=8)
BOOTS = st.floats(0, 90).map(lambda seconds: round(seconds, 3))


def tracking(target: float = 60, least: int = 3) -> target_tracking.Plan:
    metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}}
    policy = {"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling"}
    policy["TargetTrackingConfiguration"] = metric | {"TargetValue": target}
    group = {"MinSize": least, "MaxSize": 40, "DesiredCapacity": max(8, least), "DefaultInstanceWarmup": 180}
    return target_tracking.plan(group, [policy])


def serving(sizes, boot: float) -> list[int]:
    """How many serve at each step, by the pool's own rule."""
    pool, found = traffic.ServerPool(int(sizes[0]), boot_seconds=boot), []
    for step, size in enumerate(sizes):
        pool.now = traffic.STEP_SECONDS * step
        pool.resize(int(size))
        found.append(sum(pool.now - launched >= boot for launched in pool.launches))
    return found


# Evenings


def test_a_seed_is_an_evening_and_says_who_knew():
    first = crowds.evening(7)
    crowds.evening.cache_clear()
    again, other = crowds.evening(7), crowds.evening(8)
    assert first.trace.tobytes() == again.trace.tobytes() != other.trace.tobytes()
    assert first.history.tobytes() == again.history.tobytes() and len(first.history) == 33 * 1440
    assert not first.announced and other.announced and 15 <= first.hour <= 20 and 800 <= first.crowd <= 1400
    with pytest.raises(ValueError, match="read-only"):
        first.trace[0] = 0


def test_the_ordinary_day_breathes_tenfold_and_the_concert_is_on_top_of_it():
    for day in (0, 5):
        shape = crowds._shape(day, 60.0)
        assert shape.max() / shape.min() == pytest.approx(10, rel=1e-3)
    saturday = crowds.evening(3)
    before = slice(0, 240 * saturday.hour)
    assert (saturday.trace[before] == saturday.usual[before]).all()
    assert saturday.trace[240 * saturday.hour + 60] > saturday.usual[240 * saturday.hour + 60] + 500


def test_a_days_level_carries_over():
    levels = np.log([crowds._levels(np.random.default_rng(seed), 34) for seed in range(200)])
    today, yesterday = levels[:, 20:].ravel(), levels[:, 19:-1].ravel()
    assert np.corrcoef(today, yesterday)[0, 1] == pytest.approx(0.8, abs=0.05)


# Sizes


@given(NEEDS, BOOTS)
def test_booked_sizes_serve_in_time_and_none_are_fewer(needed, boot):
    sizes = crowds.booked(np.array(needed), boot)
    assert all(there >= need for there, need in zip(serving(sizes, boot), needed, strict=True))
    for step in range(len(needed)):
        if step and sizes[step] > 0:  # one less anywhere, and somebody is missing
            fewer = sizes.copy()
            fewer[step] -= 1
            assert any(there < need for there, need in zip(serving(fewer, boot), needed, strict=True))


def test_booked_sizes_are_the_cheapest_by_trying_all():
    for needed in ([1, 0, 2, 0], [0, 2, 1, 2], [2, 0, 0, 1], [0, 0, 2, 2]):
        for boot in (0.0, 15.0, 20.0, 45.0):
            cheapest = min(
                sum(sizes)
                for sizes in itertools.product(range(3), repeat=4)
                if all(a >= b for a, b in zip(serving(sizes, boot), needed, strict=True))
            )
            assert crowds.booked(np.array(needed), boot).sum() == cheapest


def test_the_oracle_keeps_every_minute_and_nobody_can_pay_less_than_the_bound():
    saturday = crowds.evening(101)
    sizes, bound = crowds.oracle(saturday.trace)
    run = crowds.in_charge(crowds.Booked(sizes), saturday.trace)
    assert traffic.slo_minutes(run) == 0 and (sizes >= bound).all() and sizes.sum() < 1.03 * bound.sum()
    step = int(np.argmax(crowds.least(saturday.trace)))
    short = np.maximum(bound - (np.arange(len(bound)) == step), 1)  # one fewer at the one moment that needs it most
    short[step:] = np.minimum(short[step:], short[step])
    assert traffic.slo_minutes(crowds.in_charge(crowds.Booked(short), saturday.trace)) > 0


def test_booked_sizes_are_a_minimum_for_what_reacts_above_them():
    saturday = crowds.evening(101)
    sizes = np.full(len(saturday.trace), 6)
    alone = crowds.in_charge(crowds.Booked(sizes), saturday.trace)
    above = crowds.in_charge(crowds.Booked(sizes, tracking()), saturday.trace)
    assert (alone.capacity == 6).all() and above.capacity.min() >= 6 and above.capacity.max() > 12


def test_demand_and_formula_say_what_they_are():
    sample = traffic.Sample(60, 950, (0.0,) * 4, 4, 0.9, 0, 0, 0, 1, 0)
    seen = traffic.Observation(60, (0.0,) * 4, sample)
    assert crowds.Demand(0.5)(seen) == 19 and crowds.Formula(0.6)(seen) == 6 and crowds.Formula(0.02)(seen) == 40
    unseen = traffic.Observation(0, (0.0,) * 4, None)
    assert crowds.Demand(0.5)(unseen) == crowds.Formula(0.5)(unseen) == 4
    with pytest.raises(SettingError, match="above 0"):
        crowds.Demand(0)


def test_the_hpa_is_the_manifests_own():
    controller = crowds.manifest_hpa(manifests.render("base"))
    assert controller.scaler.metrics[0].target == 60 and controller.scaler.maximum == 40


def test_policies_are_judged_on_the_same_evenings_and_summed_up():
    judged = crowds.over({"many": lambda evening: crowds.Booked(np.full(5760, 30))}, (2, 3))
    assert judged["hours"].tolist() == [720, 720] and judged["broken"].tolist() == [0, 0]
    assert judged["announced"].tolist() == [True, False]
    table = crowds.summary(judged)
    assert table.loc["many", "hours"] == 720 and table.loc["many", "surprise, spread"] == "0.0 to 0.0"


# The bound and the swing


@settings(deadline=None, max_examples=15)
@given(st.floats(0.4, 0.8), st.sampled_from([60.0, 120.0, 240.0]), st.floats(0.3, 3))
def test_reacting_keeps_ramps_within_the_bound_and_loses_those_far_beyond(target, delay, share):
    steepest = 100 * (1 / target - 1) / ((delay + 15) / 60)
    start = math.ceil(10 / target)
    broken = crowds.tried_on_ramps(lambda boot: crowds.Demand(target), start, [share * steepest], [delay], [1])[0, 0]
    reached = min(4.0, 1 + share * steepest / 100 * (delay + 15) / 60)
    if share < 0.85:
        assert broken == 0
    elif share > 1.4 and reached * target > 1.15:
        assert broken > 0


def test_contradictions_are_counted_on_both_sides():
    broken = np.array([[0.0, 2.0], [0.0, 0.0]])
    assert crowds.contradictions(broken, (1, 5), (10, 20), lambda delay: 3) == (2, 1)


def test_a_swing_is_measured():
    wave = 10 + np.round(4 * np.sin(2 * np.pi * np.arange(2000) * 15 / 900)).astype(int)
    run = crowds.in_charge(crowds.Booked(wave), np.full(2000, 100.0))
    assert crowds.swing(run, after=0) == (6, 14, pytest.approx(900, abs=15))
    assert crowds.swing(crowds.in_charge(crowds.Booked(np.full(2000, 5)), np.full(2000, 100.0)))[2] == math.inf


# Forecast and plan


def weeks(days: int) -> np.ndarray:
    week = np.concatenate([crowds._shape(day, 60.0) for day in range(7)])
    return np.tile(week, 6)[: days * 1440]


def test_what_repeats_exactly_is_forecast_exactly():
    history, truth = weeks(33), weeks(34)[-1440:]
    for predict in (scryer.last_week, scryer.mean_week, scryer.by_regression):
        assert scryer.error(predict(history), truth) < 2e-3
    assert scryer.error(scryer.by_fourier(history), truth) < 0.02
    assert scryer.error(scryer.combined(history), truth) < 0.01


def test_only_the_regression_sees_that_this_week_is_higher():
    history, truth = weeks(33), 1.2 * weeks(34)[-1440:]
    history[-5 * 1440 :] *= 1.2
    assert (
        scryer.error(scryer.by_regression(history), truth)
        < 0.08
        < 0.15
        < scryer.error(scryer.last_week(history), truth)
    )


def test_a_history_is_whole_days_and_long_enough():
    for predict in (scryer.last_week, scryer.mean_week, scryer.by_fourier, scryer.by_regression):
        for history in (weeks(33)[:-1], weeks(6)):
            with pytest.raises(SettingError, match="whole days"):
                predict(history)


@given(NEEDS, st.sampled_from([0.0, 0.5, 1.0, 3.0, 100.0]))
def test_the_action_plan_is_the_best_of_all(needed, per_event):
    plan = scryer.action_plan(np.array(needed), per_event, slot=1)
    assert (plan >= needed).all()

    def price(starts: tuple[int, ...]) -> float:
        ends = [*starts[1:], len(needed)]
        stretches = [np.maximum.accumulate(needed[a:b][::-1]) for a, b in zip(starts, ends, strict=True)]
        return sum(int(part.sum()) for part in stretches) + per_event * (len(starts) - 1)

    inner = range(1, len(needed))
    every = [(0, *more) for k in range(len(needed)) for more in itertools.combinations(inner, k)]
    best = min(map(price, every))
    assert plan.sum() + per_event * scryer.scale_ups(plan) <= best + 1e-9


def test_dearer_events_are_fewer():
    needed = np.round(8 + 6 * np.sin(np.arange(480) / 20)).astype(int)
    ups = [scryer.scale_ups(scryer.action_plan(needed, worth, slot=10)) for worth in (0, 50, 5000)]
    assert ups[0] > ups[1] >= ups[2] and ups[2] == 0
    with pytest.raises(SettingError, match="per_event"):
        scryer.action_plan(needed, -1)


# Queues


def test_the_queue_agrees_with_erlang_and_the_last_come_wait_as_often():
    first, last = (customers.runs(180, 2, range(6), last_first=order) for order in (False, True))
    for runs in (first, last):
        assert customers.over_seeds(run.waiting_share() for run in runs).holds(traffic.erlang_c(180, 12.5, 16))
        assert customers.over_seeds(run.mean_waiting() - 180 * run.mean_wait() for run in runs).holds(0)
    assert min(run.slow_share(0.5) for run in last) > max(run.slow_share(0.5) for run in first)


def test_each_fault_of_counting_is_noticed_by_littles_law():
    runs = customers.runs(180, 2, range(6))
    for faulty in (customers.served_ones_counted(runs), customers.first_one_forgotten(runs)):
        assert not customers.over_seeds(run.mean_waiting() - 180 * run.mean_wait() for run in faulty).holds(0)


def test_a_queue_without_a_mean_is_refused():
    for rate in (0, 200, 300):
        with pytest.raises(SettingError, match="capacity"):
            customers.one_by_one(rate, 12.5, 16, 0)
    with pytest.raises(SettingError, match="two runs"):
        customers.over_seeds([1.0])


def test_the_interval_is_students():
    found = customers.over_seeds([1.0, 2.0, 3.0], confidence=0.95)
    assert found.value == 2 and found.half == pytest.approx(4.303 / math.sqrt(3), rel=1e-3)


# Shards


@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
def test_one_server_takes_as_long_as_the_formula_says(load):
    found = customers.over_seeds(shards.mean_seconds(load, 1, 200_000, seed) for seed in range(8))
    assert found.holds(1 / (1 - load)) and found.half < 0.3 / (1 - load)


def test_all_threads_wait_for_the_hot_shard_as_littles_law_says():
    rates = np.full(300, 1.2 * 1240)
    for servers in (10, 20):
        service = shards.Service(servers=servers)
        end = slice(-60, None)
        run = shards.outage(service, rates, 1)
        threads = run.answered[end].mean() * shards.HOT_QUERIES * run.seconds[end].mean()
        assert threads == pytest.approx(servers * 100, rel=0.1)


def test_nobody_is_lost_at_the_door_or_inside():
    service = shards.Service()
    calm = shards.outage(service, np.full(120, 600.0), 1)
    assert calm.refused.sum() == 0 and calm.answered.sum() == pytest.approx(120 * 600, rel=0.02)
    full = shards.outage(service, np.full(300, 1500.0), 1)
    inside = service.servers * service.threads + 1500 * service.patience
    assert 0 <= 300 * 1500 * 1.01 - full.answered.sum() - full.refused.sum() <= inside + 0.02 * 300 * 1500


def test_a_shard_table_says_how_far_the_runs_differ():
    runs = [shards.outage(shards.Service(), np.full(60, 600.0), seed) for seed in (1, 2)]
    table = shards.table({"calm": runs}, last=30)
    assert (
        table.loc["calm", "busy processors"] == pytest.approx(0.3, abs=0.02)
        and table.loc["calm", "runs differ by"] < 0.1
    )


@pytest.mark.parametrize("wrong", [{"shares": (0.5, 0.6)}, {"servers": 0}, {"service_rate": 0}, {"slowing": 0}])
def test_a_service_that_can_not_be_is_refused(wrong):
    with pytest.raises(SettingError):
        shards.Service(**wrong)


# Quota


def test_without_a_quota_nothing_is_missing_and_with_one_the_door_knows():
    saturday = crowds.evening(100)
    sizes = crowds.booked(np.ceil(saturday.trace / 60).astype(int))
    plan = tracking(70, int(sizes[0]))
    free, short = (quota.evening(saturday.trace, sizes, plan, quota=most, admitted=0.65) for most in (60, 12))
    assert (free.desired == free.running).all() and free.refused_minutes() < 1
    assert short.running.max() == 12 and short.refused_minutes() > 30 and not short.alarm.any()
    assert free.worst() < 0.05 < 0.3 < short.worst() < 1
    assert short.lamps()["slow answers, min"] == 0 < short.lamps()["desired > running, min"]
    assert (short.run.requests_per_second + short.refused == pytest.approx(saturday.trace)) and short.refused.min() >= 0


def test_the_first_minute_is_the_end_of_the_first_long_enough_run():
    wrong = np.zeros(100, bool)
    wrong[[10, 20, 21, 22, 23, 24]] = True
    assert quota.first_minute(wrong, 1, 0) == quota.first_minute(wrong, 1, 4) + 1 == 6
    assert quota.first_minute(wrong, 2, 0) == math.inf


@pytest.mark.parametrize(
    "wrong", [{"quota": 0, "admitted": 0.5}, {"quota": 5, "admitted": 0}, {"quota": 5, "admitted": 1.1}]
)
def test_a_quota_that_can_not_be_is_refused(wrong):
    with pytest.raises(SettingError):
        quota.evening(np.full(10, 100.0), np.full(10, 2), tracking(), **wrong)


# Retries


@pytest.mark.parametrize(("load", "tries"), [(200, 3), (300, 3), (450, 2), (800, 1)])
def test_a_storm_ends_when_the_formula_says(load, tries):
    found = retries.after_stall(retries.Clients(attempts=tries), load, [1, 2])
    expected = tries * load * 120 / (1000 - tries * load)
    assert found.soonest == pytest.approx(expected, rel=0.15) and found.answered > 0.95


@pytest.mark.parametrize("pause", [0.0, 1.0, 8.0])
def test_above_capacity_it_never_ends_whatever_the_pause(pause):
    found = retries.after_stall(retries.Clients(pause=pause), 500, [1], hour=1800)
    assert found.soonest == math.inf and found.answered == 0


def test_a_budget_bounds_what_is_offered_and_dropping_ends_the_storm_at_once():
    budget = retries.after_stall(retries.Clients(budget=0.1), 700, [1])
    assert budget.first.offered.sum() <= 1.1 * 700 * 3840 * 1.01 + 100 and budget.latest < 600
    assert retries.after_stall(retries.Clients(), 700, [1], expiring=True).latest < 10


def test_a_calm_server_answers_everybody_once():
    calm = retries.storm(retries.Clients(), np.full(60, 500.0), np.full(60, 1000.0), 1)
    assert calm.good.sum() == pytest.approx(calm.offered.sum()) and calm.queue.max() == 0


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"timeout": 0}, {"pause": -1}, {"budget": -0.1}])
def test_clients_that_can_not_be_are_refused(wrong):
    with pytest.raises(SettingError):
        retries.Clients(**wrong)


# Pictures


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_the_front_holds_who_is_beaten_by_nobody(points):
    found = {tuple(point) for point in crowd_plots.front(np.array(points))}
    unbeaten = {p for p in points if not any((q[0] <= p[0] and q[1] <= p[1] and q != p) for q in points)}
    assert found == unbeaten


# The references of the exercises, held to their statements


REFERENCES = chapters.references(chapter("case_fortnite"))


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 120), min_size=1, max_size=6),
    st.floats(5, 20),
    st.floats(0, 1),
    st.sampled_from([0.5, 0.9, 0.95]),
)
def test_the_first_reference_keeps_the_promise_and_one_server_less_does_not(rates, service_rate, seconds, share):
    found = REFERENCES["servers_for"](rates, service_rate, seconds, share)

    def late(servers: int) -> float:
        """By Erlang B's recursion, a way that the reference does not go."""
        total = 0.0
        for rate in rates:
            blocked, load = 1.0, rate / service_rate
            for k in range(1, servers + 1):
                blocked = load * blocked / (k + load * blocked)
            waits = 1.0 if load >= servers else blocked / (1 - load / servers * (1 - blocked))
            total += rate * waits * math.exp(-max(servers * service_rate - rate, 0) * seconds)
        return total - (1 - share) * sum(rates)

    assert found >= 1 and late(found) <= 1e-9
    assert found == 1 or late(found - 1) > -1e-9


@given(st.lists(st.integers(0, 2500), min_size=1, max_size=30), BOOTS, st.sampled_from([0.5, 1.0, 2.0]))
@example([100, 900, 100], 60.0, 1.0)
def test_the_second_reference_serves_in_time_and_nobody_does_it_for_less(trace, boot, headroom):
    sizes = REFERENCES["schedule"](np.array(trace, float), boot, headroom)
    needed = np.ceil(np.array(trace) * headroom / 100).astype(int)
    assert all(there >= need for there, need in zip(serving(sizes, boot), needed, strict=True))
    assert (sizes == crowds.booked(needed, boot)).all()


@settings(deadline=None, max_examples=12)
@given(st.integers(14, 20), st.floats(-20, 20), st.floats(0.7, 1.3), st.floats(0.9, 1.1), st.integers(0, 1000))
@example(20, -20.0, 1.3, 1.1, 0)
@example(14, 20.0, 1.3, 1.1, 0)
def test_the_third_reference_keeps_its_promise_and_budget_on_all_that_may_come(hour, late, size, level, seed):
    usual, trace = crowds.held(hour, late=late, size=size, level=level, seed=seed)
    run = crowds.in_charge(REFERENCES["in_charge"](usual, hour), trace)
    assert traffic.slo_minutes(run) < 2 and traffic.instance_hours(run) < 195
