"""Windows, rates, bounds, conditions and the whole loop, against facts of Kubernetes' horizontal_test.go and by hand.

The facts (inputs and expected numbers, not code) are from ``TestScalingWithRules``, ``TestNormalizeDesiredReplicas``,
``TestNormalizeDesiredReplicasWithBehavior``, ``TestStoreScaleEvents``, ``TestConvertDesiredReplicasWithRules`` and the tests of
conditions of ``pkg/controller/podautoscaler``. ``vectors/hpa_behaviour.json`` holds what the compiled controller of release 1.20
answered to random inputs.
"""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import SettingError
from companion.simulate.hpa import (
    Autoscaler,
    Behaviour,
    History,
    Metric,
    MetricError,
    Pod,
    PodMetric,
    Policy,
    Recommendation,
    Rules,
    ScaleEvent,
    Settings,
    Turn,
    reconcile,
)
from companion.simulate.hpa import behaviour as rules
from companion.simulate.hpa.manifest import DEFAULT_DOWN, DEFAULT_UP

NOW = 10_000.0
OLD = Settings(rules="1.20")


def now(current: int, settings: Settings = Settings()) -> Turn:  # noqa: B008  (frozen)
    """A turn at NOW."""
    return Turn(current, now=NOW, settings=settings)


def direction(pods=0, pods_period=60, percent=0, percent_period=60, window=0, select="Max") -> Rules:
    policies = [Policy("Pods", pods, pods_period)] if pods else []
    policies += [Policy("Percent", percent, percent_period)] if percent else []
    return Rules(window, tuple(policies), select)


def spread(changes, seconds=120) -> tuple[ScaleEvent, ...]:
    """Events in the middle of equal parts of the last ``seconds``, the first the oldest."""
    part = seconds / len(changes)
    return tuple(ScaleEvent(NOW - seconds + (i + 0.5) * part, change) for i, change in enumerate(changes))


UP, DOWN = DEFAULT_UP, DEFAULT_DOWN
#: up rules, down rules, past ups, past downs, current, desired, (min, max), expected, reason
RATES = {
    "in range": (UP, DOWN, [], [], 5, 7, (3, 8), 7, "DesiredWithinRange"),
    "below min": (UP, DOWN, [], [], 3, 1, (2, 8), 2, "TooFewReplicas"),
    "to zero": (UP, DOWN, [], [], 1, 0, (0, 10), 0, "DesiredWithinRange"),
    "above max, already": (UP, DOWN, [], [], 20, 1000, (1, 10), 10, "TooManyReplicas"),
    "above max": (UP, DOWN, [], [], 100, 1000, (100, 150), 150, "TooManyReplicas"),
    "1 % of 3 is one more": (direction(percent=1), DOWN, [], [], 3, 1000, (1, 2000), 4, "ScaleUpLimit"),
    "default up": (UP, DOWN, [], [], 10, 50, (1, 1000), 20, "ScaleUpLimit"),
    "default up, small": (UP, DOWN, [], [], 2, 50, (1, 1000), 6, "ScaleUpLimit"),
    "pods beat percent": (direction(100, percent=100), DOWN, [], [], 10, 500, (1, 1000), 110, "ScaleUpLimit"),
    "percent beats pods": (direction(2, percent=100), DOWN, [], [], 10, 500, (1, 1000), 20, "ScaleUpLimit"),
    "select Min": (direction(2, percent=100, select="Min"), DOWN, [], [], 10, 500, (1, 1000), 12, "ScaleUpLimit"),
    "up disabled": (direction(2, select="Disabled"), DOWN, [], [], 10, 500, (1, 1000), 10, "ScaleUpLimit"),
    "large pods": (direction(100), DOWN, [], [], 10, 50, (1, 1000), 50, "DesiredWithinRange"),
    "pods up": (direction(30), DOWN, [], [], 10, 50, (1, 1000), 40, "ScaleUpLimit"),
    "percent up": (direction(percent=200), DOWN, [], [], 10, 50, (1, 1000), 30, "ScaleUpLimit"),
    "10 % of 100, as doubles": (direction(percent=10), DOWN, [], [], 100, 500, (1, 1000), 111, "ScaleUpLimit"),
    "down pods win": (UP, direction(20, percent=1), [], [], 100, 2, (1, 1000), 80, "ScaleDownLimit"),
    "down 2 against 1 %": (UP, direction(2, percent=1), [], [], 100, 2, (1, 1000), 98, "ScaleDownLimit"),
    "down select Min": (UP, direction(2, percent=1, select="Min"), [], [], 100, 2, (1, 1000), 99, "ScaleDownLimit"),
    "down disabled": (UP, direction(2, select="Disabled"), [], [], 100, 2, (1, 1000), 100, "ScaleDownLimit"),
    "down to min": (UP, direction(100), [], [], 10, 0, (1, 1000), 1, "TooFewReplicas"),
    "down all to min": (UP, direction(percent=100), [], [], 10, 2, (5, 1000), 5, "TooFewReplicas"),
    "down pods": (UP, direction(5), [], [], 10, 2, (1, 1000), 5, "ScaleDownLimit"),
    "down half": (UP, direction(percent=50), [], [], 10, 5, (1, 1000), 5, "DesiredWithinRange"),
    "10 % of 72 removes 8": (UP, direction(percent=10), [], [], 72, 1, (1, 1000), 64, "ScaleDownLimit"),
    "up, events, max": (direction(300), DOWN, [1, 5, 9], [], 100, 500, (1, 200), 200, "TooManyReplicas"),
    "up, events, max %": (direction(percent=10_000), DOWN, [1, 5, 9], [], 100, 500, (1, 200), 200, "TooManyReplicas"),
    "up, spent": (direction(5, 120), DOWN, [1, 5, 9], [], 100, 500, (1, 1000), 100, "ScaleUpLimit"),
    "up, 85 + 150": (direction(150, 120), DOWN, [1, 5, 9], [], 100, 500, (1, 1000), 235, "ScaleUpLimit"),
    "up, 85 + 200 %": (direction(percent=200, percent_period=120), DOWN, [1, 5, 9], [], 100, 500, (1, 1000), 255, "ScaleUpLimit"),
    "up, half the events": (direction(150, 60), DOWN, [1, 5, 9], [], 100, 500, (1, 1000), 241, "ScaleUpLimit"),
    "up, both directions": (direction(percent=300, percent_period=300), DOWN, [4], [2], 6, 24, (1, 1000), 16, "ScaleUpLimit"),
    "down, default": (UP, DOWN, [], [1, 5, 9], 10, 5, (1, 1000), 5, "DesiredWithinRange"),
    "down, events, min": (UP, direction(115, 120), [], [1, 5, 9], 100, 0, (1, 1000), 1, "TooFewReplicas"),
    "down, events, min 5": (UP, direction(130, 120), [], [1, 5, 9], 100, 0, (5, 1000), 5, "TooFewReplicas"),
    "down, spent": (UP, direction(5, 120), [], [1, 5, 9], 100, 2, (1, 1000), 100, "ScaleDownLimit"),
    "down, 112 - 50 %": (UP, direction(percent=50, percent_period=120), [], [2, 4, 6], 100, 0, (1, 1000), 56, "ScaleDownLimit"),
    "down, both directions": (UP, direction(percent=50, percent_period=180), [2], [4], 10, 1, (1, 1000), 6, "ScaleDownLimit"),
    "down, 130 - 10 %": (UP, direction(percent=10, percent_period=120), [], [10, 10, 10], 100, 0, (1, 1000), 100, "ScaleDownLimit"),
    "down, below zero": (UP, direction(percent=1000, percent_period=120), [], [10, 10, 10], 10, 5, (1, 1000), 5, "DesiredWithinRange"),
}  # fmt: skip


@pytest.mark.parametrize("case", RATES.values(), ids=RATES)
def test_rates_and_bounds(case):
    up, down, ups, downs, current, desired, bounds, expected, reason = case
    history = History((), spread(ups) if ups else (), spread(downs) if downs else ())
    assert rules.limit(desired, now(current), history, Behaviour(up, down), bounds) == (expected, reason)


def test_release_1_20_looked_at_one_direction_only():
    history = History((), spread([4]), spread([2]))
    up = Behaviour(direction(percent=300, percent_period=300))
    assert rules.limit(24, now(6), history, up, (1, 1000)).replicas == 16  # (6 - 4 + 2) + 300 %
    assert rules.limit(24, now(6, OLD), history, up, (1, 1000)).replicas == 8  # (6 - 4) + 300 %


VECTORS = json.loads((Path(__file__).parent / "vectors" / "hpa_behaviour.json").read_text())


def vector_of(row) -> tuple:
    """A case as behaviour, history, and the rest of the row as it is."""
    up, down, ups, downs, recommendations, *rest = row
    sides = (Rules(window, tuple(Policy(*p) for p in policies), select) for window, select, policies in (up, down))
    events = (tuple(ScaleEvent(NOW - seconds, change) for change, seconds in side) for side in (ups, downs))
    past = tuple(Recommendation(NOW - seconds, replicas) for replicas, seconds in recommendations)
    return Behaviour(*sides), History(past, *events), *rest


def test_the_compiled_controller_answers_alike():
    assert len(VECTORS["cases"]) == 400
    reasons = set()
    for row in VECTORS["cases"]:
        behaviour, history, current, desired, low, high, rate, stable, legacy, limit = vector_of(row)
        assert list(rules.limit(desired, now(current, OLD), history, behaviour, (low, high))) == rate, row
        step, _ = rules.stabilise(desired, now(current, OLD), history, behaviour)
        assert step.replicas == stable[0] and step.reason == (
            stable[1] if step.replicas != desired else "ReadyForNewScale"
        ), row
        assert rules.stabilise_down(desired, now(current, OLD), history)[0].replicas == legacy, row
        assert list(rules.limit_without_behaviour(current, desired, (low, high))) == limit, row
        reasons |= {rate[1], limit[1]}
    assert reasons == {"ScaleUpLimit", "ScaleDownLimit", "TooManyReplicas", "TooFewReplicas", "DesiredWithinRange"}


def test_where_only_one_direction_has_a_past_the_present_rates_are_the_same():
    for row in VECTORS["cases"]:
        behaviour, history, current, desired, low, high, *_ = vector_of(row)
        history = replace(history, downs=()) if desired > current else replace(history, ups=())
        rest = (history, behaviour, (low, high))
        assert rules.limit(desired, now(current), *rest) == rules.limit(desired, now(current, OLD), *rest), row


def ago(*pairs) -> History:
    """Recommendations, each with its age in minutes."""
    return History(tuple(Recommendation(NOW - 60 * minutes, replicas) for replicas, minutes in pairs))


@pytest.mark.parametrize(
    ("history", "up_window", "down_window", "current", "desired", "expected"),
    [
        (ago(), 0, 0, 100, 5, 5),
        (ago((4, 2), (5, 1)), 0, 180, 100, 3, 5),
        (ago((4, 2), (5, 1)), 300, 0, 1, 7, 4),
        (ago((1, 2), (2, 1)), 300, 0, 100, 3, 3),
        (ago((4, 2), (5, 1)), 0, 300, 1, 3, 3),
        (ago((10, 10), (9, 9)), 0, 0, 100, 3, 3),
        (ago((10, 10), (9, 9)), 0, 0, 1, 100, 100),
        (ago((10, 10), (4, 1), (5, 2), (9, 9)), 0, 180, 100, 3, 5),
        (ago((10, 100), (6, 1), (5, 2), (9, 3)), 300, 0, 1, 100, 5),
        (ago((2, 100), (3, 3)), 300, 300, 2, 1, 2),
        (ago((2, 100), (1, 3)), 300, 300, 2, 3, 2),
        (ago((10, 5)), 300, 0, 9, 12, 12),  # exactly as old as the window: out
        (ago((10, 4.99)), 300, 0, 9, 12, 10),
        (ago((9, 5)), 0, 300, 9, 3, 3),  # exactly as old as the window: out
        (ago((9, 4.99)), 0, 300, 9, 3, 9),
    ],
)
def test_stabilisation_both_ways(history, up_window, down_window, current, desired, expected):
    behaviour = Behaviour(replace(UP, window=up_window), replace(DOWN, window=down_window))
    step, after = rules.stabilise(desired, now(current), history, behaviour)
    assert step.replicas == expected
    reason = "ScaleUpStabilized" if desired >= current else "ScaleDownStabilized"
    assert step.reason == ("ReadyForNewScale" if expected == desired else reason)
    assert after.recommendations[-1] == (NOW, desired), "what is remembered is what the metrics said"


@pytest.mark.parametrize(
    ("history", "desired", "expected"),
    [
        (ago(), 5, 5),
        (ago((4, 2), (5, 1)), 3, 5),
        (ago((1, 2), (2, 1)), 3, 3),
        (ago((10, 10), (9, 9)), 3, 3),
        (ago((10, 10), (4, 1), (5, 2), (9, 9)), 3, 5),
        (ago((9, 5)), 3, 9),  # exactly as old as the window: without behavior it still counts
    ],
)
def test_stabilisation_without_behaviour(history, desired, expected):
    assert rules.stabilise_down(desired, now(7), history)[0].replicas == expected


@pytest.mark.parametrize(
    ("current", "desired", "bounds", "expected", "reason"),
    [
        (5, 7, (3, 8), 7, "DesiredWithinRange"),
        (3, 1, (2, 8), 2, "TooFewReplicas"),
        (1, 0, (0, 10), 0, "DesiredWithinRange"),
        (20, 1000, (1, 10), 10, "TooManyReplicas"),
        (3, 1000, (1, 2000), 6, "ScaleUpLimit"),
        (1, 1000, (1, 2000), 4, "ScaleUpLimit"),
        (10, 1000, (1, 2000), 20, "ScaleUpLimit"),
        (100, 1, (1, 2000), 1, "DesiredWithinRange"),
    ],
)
def test_limits_without_behaviour(current, desired, bounds, expected, reason):
    assert rules.limit_without_behaviour(current, desired, bounds) == (expected, reason)


@pytest.mark.parametrize(
    ("ages", "periods", "in_a_minute", "kept"),
    [
        ([], (60, 60), 0, []),
        ([(7, 61)], (60, 60), 0, []),
        ([(7, 58)], (60, 60), 7, [7]),
        ([(7, 61), (6, 59)], (60, 60), 6, [6]),
        ([(8, 29), (6, 59), (7, 61), (9, 61)], (60, 30), 14, [8, 6]),
        ([(7, 58), (6, 59)], (120, 30), 13, [7, 6]),
        ([(7, 60)], (60, 60), 0, [7]),
    ],
)
def test_past_events(ages, periods, in_a_minute, kept):
    past = tuple(ScaleEvent(NOW - age, change) for change, age in ages)
    assert rules.changed(past, 60, NOW) == in_a_minute
    both = direction(10, periods[0], 100, periods[1])
    for before, after, side in ((10, 15, "ups"), (10, 5, "downs")):
        history = rules.remember(replace(History(), **{side: past}), before, after, NOW, Behaviour(both, both))
        assert [event.change for event in getattr(history, side)] == [*kept, 5]
        assert rules.remember(history, before, after, NOW, None) is history, "without behavior nothing is stored"


# One turn of the loop

CPU = Metric("Resource", "cpu", "Utilization", 50)
QUEUE = Metric("External", "queue", "Value", 100)
PLAIN = Autoscaler("web", "Deployment/web", 1, 10, (CPU,))


def turn(scaler, current, shares, history=None, readings=None, **settings):
    """One turn with a pod for each share of its request that is used."""
    pods = [Pod(f"p{i}", requests={"app": {"cpu": 1000}}) for i in range(len(shares))]
    samples = {pod.name: PodMetric(round(1000 * share)) for pod, share in zip(pods, shares, strict=True)}
    return reconcile(scaler, Turn(current, pods, NOW, **settings), readings or [samples], history or ago((0, 99)))


def reasons(decision) -> dict[str, tuple[bool, str]]:
    return {kind: tuple(condition) for kind, condition in decision.conditions.items()}


def test_conditions_of_a_scale_up():
    decision = turn(PLAIN, 2, [1.0, 1.0])
    assert decision.replicas == 4
    assert decision.reason == "cpu resource utilization (percentage of request) above target"
    assert reasons(decision) == {
        "AbleToScale": (True, "SucceededRescale"),
        "ScalingActive": (True, "ValidMetricFound"),
        "ScalingLimited": (False, "DesiredWithinRange"),
    }


def test_conditions_of_standing_still():
    assert reasons(turn(PLAIN, 2, [0.5, 0.5]))["AbleToScale"] == (True, "ReadyForNewScale")


@pytest.mark.parametrize(
    ("bounds", "current", "expected", "reason"),
    [
        ((3, 5), 2, 3, "Current number of replicas below Spec.MinReplicas"),
        ((3, 5), 10, 5, "Current number of replicas above Spec.MaxReplicas"),
    ],
)
def test_outside_the_bounds_metrics_are_not_asked(bounds, current, expected, reason):
    scaler = replace(PLAIN, minimum=bounds[0], maximum=bounds[1])
    decision = turn(scaler, current, [], readings=[MetricError("never asked")])
    assert (decision.replicas, decision.reason, decision.recommended) == (expected, reason, None)
    assert reasons(decision) == {"AbleToScale": (True, "SucceededRescale")}


def test_zero_replicas_switch_it_off():
    decision = turn(PLAIN, 0, [])
    assert decision.replicas == 0 and reasons(decision)["ScalingActive"] == (False, "ScalingDisabled")


def test_zero_to_some_on_an_external_metric():
    scaler = replace(PLAIN, minimum=0, metrics=(QUEUE,))
    assert turn(scaler, 0, [], readings=[[250]]).replicas == 3


def test_too_many_and_too_few_are_said():
    assert reasons(turn(replace(PLAIN, maximum=3), 2, [1.0, 1.0]))["ScalingLimited"] == (True, "TooManyReplicas")
    few = turn(replace(PLAIN, minimum=2), 3, [0.0, 0.0, 0.0])
    assert few.replicas == 2 and reasons(few)["ScalingLimited"] == (True, "TooFewReplicas")
    fast = turn(replace(PLAIN, maximum=100), 1, [20.0])
    assert fast.replicas == 4 and reasons(fast)["ScalingLimited"] == (True, "ScaleUpLimit")


def test_the_way_down_waits():
    decision = turn(PLAIN, 4, [0.1] * 4, history=ago((4, 2)))
    assert decision.replicas == 4 and decision.recommended == 1
    assert reasons(decision)["AbleToScale"] == (True, "ScaleDownStabilized")


def test_the_first_turn_takes_the_current_replicas_for_a_recommendation():
    pods = [Pod("p", requests={"a": {"cpu": 1000}}, count=4)]
    decision = reconcile(PLAIN, Turn(4, pods, NOW), [{"p": PodMetric(100)}])
    assert decision.replicas == 4, "otherwise a restarted controller would drop every service at once"


def test_the_largest_of_several_metrics_counts():
    scaler = replace(PLAIN, metrics=(CPU, QUEUE))
    cpu = {"p0": PodMetric(600), "p1": PodMetric(600)}  # 60 %: 3 replicas
    decision = turn(scaler, 2, [0.6, 0.6], readings=[cpu, [450]])
    assert decision.recommended == 9 and decision.reason == "external metric queue above target"
    assert decision.replicas == 4, "without behavior no more than double or 4 at once"
    assert [proposal.replicas for proposal in decision.proposals] == [3, 9]


def test_a_failed_metric_forbids_the_way_down_only():
    scaler = replace(PLAIN, metrics=(QUEUE, CPU))
    broken = MetricError("unable to get external metric queue")
    up = turn(scaler, 3, [0.8] * 3, readings=[broken, {f"p{i}": PodMetric(800) for i in range(3)}])
    assert up.replicas == 5 and reasons(up)["ScalingActive"] == (True, "ValidMetricFound")
    low = {f"p{i}": PodMetric(100) for i in range(5)}
    down = turn(scaler, 5, [0.1] * 5, readings=[broken, low])
    assert down.replicas == 5 and reasons(down)["ScalingActive"] == (False, "FailedGetExternalMetric")
    assert turn(scaler, 5, [0.1] * 5, readings=[broken, low], settings=OLD).replicas == 1


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (CPU, "FailedGetResourceMetric"),
        (replace(CPU, type="ContainerResource", container="app"), "FailedGetContainerResourceMetric"),
        (Metric("Pods", "rps", "AverageValue", 10), "FailedGetPodsMetric"),
        (Metric("Object", "rps", "Value", 10), "FailedGetObjectMetric"),
        (QUEUE, "FailedGetExternalMetric"),
    ],
)
def test_when_every_metric_fails_nothing_moves(metric, reason):
    decision = turn(replace(PLAIN, metrics=(metric,)), 3, [], readings=[MetricError("gone")])
    assert decision.replicas == 3
    assert reasons(decision) == {"AbleToScale": (True, "SucceededGetScale"), "ScalingActive": (False, reason)}


def test_readings_and_metrics_must_match():
    with pytest.raises(ValueError, match="web has 1 metrics, but 2 readings"):
        turn(PLAIN, 1, [1.0], readings=[{}, {}])


@pytest.mark.parametrize(("metric", "reading", "kind"), [(CPU, [5], "metrics by pod"), (QUEUE, {}, "a list of values")])
def test_a_reading_must_be_of_the_metrics_kind(metric, reading, kind):
    with pytest.raises(
        SettingError, match=f"^the metric {metric.name} is one of type {metric.type}: it is read as {kind}"
    ):
        turn(replace(PLAIN, metrics=(metric,)), 1, [1.0], readings=[reading])


# Properties

policies = st.builds(
    Policy, st.sampled_from(["Pods", "Percent"]), st.integers(1, 200), st.sampled_from([15, 30, 60, 180, 600])
)
directions = st.builds(
    Rules,
    st.sampled_from([0, 15, 60, 300, 900]),
    st.lists(policies, min_size=1, max_size=3).map(tuple),
    st.sampled_from(["Max", "Min", "Disabled"]),
)
behaviours = st.none() | st.builds(Behaviour, directions, directions)
loads = st.lists(st.integers(0, 20_000), min_size=5, max_size=60)


def run(scaler, load, current, conditions=None):
    """Decisions under a load in thousandths of a processor, shared by the replicas that there are."""
    history, found = History(), []
    for step, total in enumerate(load):
        pods = [Pod("p", requests={"app": {"cpu": 500}}, count=max(current, 1))]
        readings = [{"p": PodMetric(min(total // max(current, 1), 1000))}]
        decision = reconcile(scaler, Turn(current, pods, 15.0 * step), readings, history, conditions)
        found.append((current, decision))
        current, history, conditions = decision.replicas, decision.history, decision.conditions
    return found


@st.composite
def scalers(draw):
    low = draw(st.integers(1, 20))
    return Autoscaler("web", "Deployment/web", low, low + draw(st.integers(0, 40)), (CPU,), draw(behaviours))


@settings(max_examples=150, deadline=None)
@given(scalers(), loads, st.integers(1, 60))
def test_never_outside_the_bounds_nor_against_the_direction(scaler, load, current):
    for before, decision in run(scaler, load, current):
        after = decision.replicas
        assert scaler.minimum <= after <= scaler.maximum
        if decision.recommended is None:  # only a bound can have moved it
            assert after == min(max(before, scaler.minimum), scaler.maximum)
            continue
        if after > before:
            assert decision.recommended > before or scaler.behaviour is None
        if after < before:
            assert decision.recommended < before
        if scaler.behaviour and scaler.minimum <= before <= scaler.maximum:
            assert not (scaler.behaviour.up.select == "Disabled" and after > before)
            assert not (scaler.behaviour.down.select == "Disabled" and after < before)


@settings(max_examples=100, deadline=None)
@given(scalers(), st.integers(0, 20_000), st.integers(1, 60))
def test_a_constant_load_settles(scaler, load, current):
    """After the longest window and period, replicas stay where they are."""
    decisions = run(scaler, [load] * 400, current)
    tail = {decision.replicas for _, decision in decisions[-60:]}
    if scaler.behaviour is None or all(
        p.period <= 60 for r in (scaler.behaviour.up, scaler.behaviour.down) for p in r.policies
    ):
        assert len(tail) == 1


@settings(max_examples=50, deadline=None)
@given(scalers(), st.lists(st.integers(0, 20_000), min_size=300, max_size=300), st.integers(1, 60))
def test_no_list_grows_without_bound(scaler, load, current):
    for _, decision in run(scaler, load, current):
        history = decision.history
        windows, periods = [300], [0]
        if scaler.behaviour:
            both = (scaler.behaviour.up, scaler.behaviour.down)
            windows, periods = [r.window for r in both], [p.period for r in both for p in r.policies]
        assert len(history.recommendations) <= math.ceil(max(windows) / 15) + 2
        assert len(history.ups) + len(history.downs) <= math.ceil(max(periods) / 15) + 2


@settings(deadline=None)
@given(scalers(), loads, st.integers(1, 60))
def test_the_same_inputs_give_the_same_decisions(scaler, load, current):
    assert run(scaler, load, current) == run(scaler, load, current)
