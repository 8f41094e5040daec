"""AWS's rules: the examples that its guide works out, a trace worked out by hand, and what must hold for every trace."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import SettingError
from companion.simulate import target_tracking as tt
from companion.simulate import traffic
from companion.simulate.target_tracking import (
    ALARM,
    INSUFFICIENT_DATA,
    OK,
    Alarm,
    StepAdjustment,
    StepScaling,
    TargetTracking,
)

OLD = traffic.ALWAYS
GREATER, GREATER_EQUAL, LESS = "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"
INFINITY = float("inf")


def settled(plan: tt.Plan, values, launches=None, state=None, start: float = 0.0):
    """Feed a datapoint a minute, with launches that follow the desired capacity; yields the states."""
    state = state or tt.initial(plan)
    launches = [OLD] * state.desired if launches is None else list(launches)
    for minute, value in enumerate(values, 1):
        now = start + 60 * minute
        row = value if isinstance(value, dict) else {policy.name: value for policy in plan.policies}
        state = tt.evaluate(plan, state, now, tuple(launches), row)
        del launches[state.desired :]
        launches += [now] * (state.desired - len(launches))
        yield state


def desired(plan, values, **options) -> list[int]:
    return [state.desired for state in settled(plan, values, **options)]


def cpu(target: float = 50, **options) -> TargetTracking:
    return TargetTracking("cpu", tt.CPU, target, **options)


# Alarms


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ((), INSUFFICIENT_DATA),
        ((60, 60), INSUFFICIENT_DATA),  # two of three: nothing is decided yet
        ((60, 60, 60), ALARM),
        ((60, 60, 50), OK),  # at the threshold is not above it
        ((10, 60, 60, 60), ALARM),  # only the last three count
        ((60, None, 60), INSUFFICIENT_DATA),
        ((None, None, None), INSUFFICIENT_DATA),
        ((40, None, None), OK),
    ],
)
def test_three_of_three(points, expected):
    assert tt.alarm_state(Alarm(50, GREATER, 3, 3), points) == expected


def test_two_of_three_and_what_missing_points_count_as():
    two = Alarm(50, GREATER, 3, 2)
    assert tt.alarm_state(two, (60, 40, 60)) == ALARM and tt.alarm_state(two, (60, 40, 40)) == OK
    three = (60, None, None)
    assert tt.alarm_state(replace(two, missing="breaching"), three) == ALARM
    assert tt.alarm_state(replace(two, missing="notBreaching"), three) == OK
    assert tt.alarm_state(replace(two, missing="missing"), three, ALARM) == ALARM, "undecided: as it was"
    gone = (None, None, None)
    assert tt.alarm_state(replace(two, missing="ignore"), gone, ALARM) == ALARM
    assert tt.alarm_state(two, gone, ALARM) == INSUFFICIENT_DATA


# The guide's own examples


def test_removing_1_5_instances_removes_one_and_adding_1_5_adds_two():
    assert tt.tracked_capacity(3, 75, 50) - 3 == 2 and tt.tracked_capacity(6, 37.5, 50) - 6 == -1


@pytest.mark.parametrize(("change", "whole"), [(12.7, 12), (0.67, 1), (-0.58, -1), (-6.67, -6), (0.0, 0), (3.0, 3)])
def test_rounding_of_a_change_in_percent(change, whole):
    assert tt.rounded_change(change) == whole


def guide_steps(warmup: float = 60.0) -> tt.Plan:
    """The guide's group of ten: +10 % from 60, +30 % from 70, -10 % down to 40, -30 % down to 30."""
    out = StepScaling(
        "out",
        tt.CPU,
        Alarm(50, GREATER_EQUAL),
        (StepAdjustment(0, 10, 0), StepAdjustment(10, 20, 10), StepAdjustment(20, INFINITY, 30)),
        "PercentChangeInCapacity",
    )
    inward = StepScaling(
        "in",
        tt.CPU,
        Alarm(50, "LessThanOrEqualToThreshold"),
        (StepAdjustment(-10, 0, 0), StepAdjustment(-20, -10, -10), StepAdjustment(-INFINITY, -20, -30)),
        "PercentChangeInCapacity",
    )
    return tt.Plan(1, 100, 10, warmup, (out, inward))


def test_the_guides_steps_10_11_14_13_10():
    # a minute between two datapoints is enough for the new instances to be warm
    assert desired(guide_steps(), [55, 60, 50, 70, 50, 40, 30]) == [10, 11, 11, 14, 14, 13, 10]


def test_the_guides_steps_while_an_instance_warms_up_10_11_13():
    assert desired(guide_steps(warmup=600), [60, 62, 70]) == [11, 11, 13]


def test_a_scale_in_does_not_start_while_one_warms_up():
    assert desired(guide_steps(warmup=600), [60, 30, 30]) == [11, 11, 11]


def test_the_guides_bounds():
    three = StepScaling("out", tt.CPU, Alarm(50, GREATER), (StepAdjustment(0, INFINITY, 3),))
    assert desired(tt.Plan(1, 3, 2, policies=(three,)), [90]) == [3]
    two = StepScaling("in", tt.CPU, Alarm(50, LESS), (StepAdjustment(-INFINITY, 0, -2),))
    assert desired(tt.Plan(2, 9, 3, policies=(two,)), [10]) == [2]


def test_the_guides_two_policies_that_scale_in_the_larger_capacity_wins():
    three = StepScaling("three", tt.CPU, Alarm(50, LESS), (StepAdjustment(-INFINITY, 0, -3),))
    quarter = replace(
        three, name="quarter", steps=(StepAdjustment(-INFINITY, 0, -25),), adjustment_type="PercentChangeInCapacity"
    )
    assert desired(tt.Plan(1, 9, 8, policies=(three, quarter)), [10]) == [6], "25 % of 8 is 2, fewer than 3"


def test_the_guides_least_adjustment():
    policy = StepScaling(
        "out", tt.CPU, Alarm(50, GREATER), (StepAdjustment(0, INFINITY, 25),), "PercentChangeInCapacity", least=2
    )
    assert tt.stepped_capacity(policy, 4, 60) == 6, "25 % of 4 is 1, but at least 2"


def test_exact_capacity():
    policy = StepScaling("exact", tt.CPU, Alarm(50, GREATER), (StepAdjustment(0, INFINITY, 7),), "ExactCapacity")
    assert desired(tt.Plan(1, 9, 3, policies=(policy,)), [60, 60]) == [7, 7]


# Target tracking, worked out by hand


def test_a_trace_worked_out_by_hand():
    """4 instances, target 50, warm-up 120 s, 3 datapoints out and 5 in, at most a tenth (so one) at a time on the way in.

    minute  CPU   why
    1, 2     80   above the target, but not three times yet
    3        80   ALARM: ceil(4 x 80/50) = 7
    4        80   3 of the 7 warm up, so again ceil(4 x 80/50) = 7: nothing
    5        95   still only 4 are warm (launched 120 s ago is warm, so the 3 are as well): ceil(7 x 95/50) = 14
    6-8      55   7 warm until minute 7: ceil(7 x 55/50) = 8, less than 14; then ceil(14 x 55/50) = 16 at minute 7
    9-12     40   below 45: four of five
    13       40   ALARM low: ceil(16 x 40/50) = 13, one at a time: 15
    14       40   14
    15       40   13 = ceil(14 x 40/50) is 12: one at a time, 13
    16       48   not below 45: the alarm is OK
    """
    plan = tt.Plan(2, 20, 4, 120, (cpu(50, datapoints_in=5),))
    trace = [80, 80, 80, 80, 95, 55, 55, 55, 40, 40, 40, 40, 40, 40, 40, 48]
    expected = [4, 4, 7, 7, 14, 14, 16, 16, 16, 16, 16, 16, 15, 14, 13, 13]
    assert desired(plan, trace) == expected
    *_, last = settled(plan, trace)
    assert [(a.time, a.before, a.after, a.cause) for a in last.activities] == [
        (180, 4, 7, "cpu"),
        (300, 7, 14, "cpu"),
        (420, 14, 16, "cpu"),
        (780, 16, 15, "cpu"),
        (840, 15, 14, "cpu"),
        (900, 14, 13, "cpu"),
    ]


def test_while_warming_the_same_answer_adds_nothing_and_a_larger_one_the_difference():
    """The sequence that an AWS engineer gives on re:Post: 4, then 5, 5 again, then 6 when the metric rises."""
    plan = tt.Plan(1, 20, 4, 300, (cpu(50, datapoints_out=1),))
    assert desired(plan, [60, 60, 70]) == [5, 5, 6]


def test_below_the_target_by_less_than_a_tenth_nothing_moves():
    assert desired(tt.Plan(1, 20, 10, policies=(cpu(),)), [46] * 60) == [10] * 60


def test_it_does_not_remove_what_would_bring_it_above_the_target():
    """2 instances at 30 %: one alone would have 60 %."""
    assert desired(tt.Plan(1, 20, 2, policies=(cpu(),)), [30] * 60)[-1] == 2


def test_insufficient_data_does_not_move_the_group():
    plan = tt.Plan(1, 20, 10, policies=(cpu(),))
    *_, last = settled(plan, [10] * 14 + [None] * 30)
    assert last.desired == 10 and set(last.alarms.values()) == {INSUFFICIENT_DATA}
    assert desired(plan, [10] * 14 + [None] * 30 + [10] * 16)[-1] < 10


def test_disable_scale_in_only_adds():
    plan = tt.Plan(1, 20, 4, policies=(cpu(disable_scale_in=True),))
    assert desired(plan, [90] * 4 + [5] * 60)[-1] >= 8


def test_the_largest_of_several_wins_and_all_must_agree_to_scale_in():
    requests = TargetTracking("requests", tt.REQUESTS, 1000)
    plan = tt.Plan(1, 40, 4, policies=(cpu(), requests))
    assert desired(plan, [{"cpu": 100, "requests": 3000}] * 3)[-1] == 12
    low_cpu = [{"cpu": 10, "requests": 1000}] * 40
    assert desired(plan, low_cpu)[-1] == 4, "the requests are at their target: not ready"
    blind = [{"cpu": 10, "requests": None}] * 40
    assert desired(plan, blind)[-1] == 4, "a policy without data is not ready"
    deaf = tt.Plan(1, 40, 4, policies=(cpu(), replace(requests, disable_scale_in=True)))
    assert desired(deaf, low_cpu)[-1] == 1, "one that never scales in is not asked"
    assert desired(plan, [{"cpu": 10, "requests": 500}] * 17)[-3:] == [3, 2, 2], "the larger of 1 and 2"


def test_a_step_policy_does_not_wait_for_target_tracking_to_scale_in():
    step = StepScaling("in", tt.CPU, Alarm(30, LESS), (StepAdjustment(-INFINITY, 0, -1),))
    plan = tt.Plan(1, 9, 4, policies=(cpu(), step))
    assert desired(plan, [20]) == [3]


def test_cooldowns_of_application_auto_scaling():
    plan = tt.Plan(1, 40, 10, policies=(cpu(scale_in_cooldown=300, datapoints_in=1, datapoints_out=1),))
    assert desired(plan, [10, 10, 10, 10, 10, 10, 10]) == [9, 9, 9, 9, 9, 8, 8]
    assert desired(plan, [10, 100, 10]) == [9, 18, 17], "a scale-out ends the scale-in cooldown"
    out = tt.Plan(1, 40, 10, policies=(cpu(scale_out_cooldown=300, datapoints_out=1),))
    assert desired(out, [60, 60, 80, 80, 80, 80]) == [12, 12, 16, 16, 16, 16], "what was added counts as answered"
    assert desired(out, [60] + [50] * 5 + [75]) == [12] * 6 + [18], "after it the whole group is the base"


# The schedule


@pytest.mark.parametrize(
    ("recurrence", "minute", "expected"),
    [
        ("30 16 * * *", 16 * 60 + 30, True),
        ("30 16 * * *", 16 * 60 + 31, False),
        ("30 16 * * *", 1440 + 16 * 60 + 30, True),
        ("*/15 * * * *", 45, True),
        ("*/15 * * * *", 46, False),
        ("0 8-10,20 * * *", 9 * 60, True),
        ("0 8-10,20 * * *", 11 * 60, False),
        ("0 9 * * 1-5", 9 * 60, True),  # the trace begins on a Monday
        ("0 9 * * 1-5", 5 * 1440 + 9 * 60, False),
        ("0 9 * * 0", 6 * 1440 + 9 * 60, True),
        ("0 9 * * 7", 6 * 1440 + 9 * 60, True),
    ],
)
def test_cron(recurrence, minute, expected):
    assert tt.minute_matches(recurrence, minute) is expected


def test_a_scheduled_minimum_holds_and_a_mere_wish_is_taken_back():
    flat = traffic.with_noise(np.full(240 * 4, 40.0), seed=1)
    wish = tt.ScheduledAction("wish", "0 1 * * *", desired=8)
    floor = tt.ScheduledAction("floor", "0 1 * * *", minimum=8)
    after = {}
    for action in (wish, floor):
        plan = tt.Plan(2, 20, 2, 60, (cpu(),), (action,))
        run = traffic.replay(flat, traffic.ServerPool(2, boot_seconds=30), tt.Controller(plan))
        assert run.capacity[239] == 2 and run.capacity[240] >= 7, "at 1:00, in the same step"
        after[action.name] = run.capacity[-1]
    assert after["wish"] < 8 == after["floor"]


def test_a_schedule_moves_the_group_only_as_far_as_it_must():
    plan = tt.Plan(2, 20, 10, schedule=(tt.ScheduledAction("less", "0 0 * * *", maximum=6),))
    state = tt.apply_schedule(plan, tt.initial(plan), 0.0)
    assert (state.desired, state.maximum, state.activities[0].cause) == (6, 6, "less")
    assert tt.apply_schedule(plan, state, 30.0).activities == state.activities, "once, not at every step"


# The metrics


def test_the_metric_leaves_out_what_warms_up_and_counts_what_boots():
    sample = traffic.Sample(600, 300, (OLD, OLD, 500.0, 500.0), 2, 0.9, 0, 0, 0, 1, 0)
    assert tt.metric_value(tt.CPU, sample, warmup=180) == pytest.approx(90)
    assert tt.metric_value(tt.CPU, sample, warmup=60) == pytest.approx(45), "two idle machines halve the average"
    assert tt.metric_value(tt.CPU, sample, warmup=60, boot_utilisation=1.0) == pytest.approx(95)
    assert tt.metric_value(tt.REQUESTS, sample) == 300 * 60 / 2
    young = sample._replace(launches=(590.0,), serving=0)
    assert tt.metric_value(tt.CPU, young, warmup=60) is None
    assert tt.metric_value(tt.REQUESTS, young._replace(requests_per_second=0.0)) == 0


# In charge of a pool


def test_a_day_at_15_seconds_in_charge_of_a_pool():
    trace = traffic.ten_x_day(60, seed=3)
    run = traffic.replay(trace, traffic.ServerPool(2), tt.Controller(tt.Plan(2, 20, 2, 180, (cpu(),))))
    assert 8 <= run.capacity.max() <= 20 and run.capacity.min() == 2
    assert traffic.slo_minutes(run) < 30


def test_lag_delays_the_first_answer():
    def first_answer(lag: float) -> float:
        controller = tt.Controller(tt.Plan(2, 20, 2, 60, (cpu(),)))
        traffic.replay(np.full(80, 190.0), traffic.ServerPool(2, lag_seconds=lag), controller)
        return controller.state.activities[0].time

    assert first_answer(0) == 180, "three datapoints of a minute"
    assert first_answer(120) == 300


def test_five_minute_metrics_take_fifteen_minutes():
    controller = tt.Controller(replace(tt.Plan(2, 20, 2, 60, (cpu(),)), period=300))
    traffic.replay(np.full(80, 190.0), traffic.ServerPool(2, lag_seconds=0), controller)
    assert controller.state.activities[0].time == 900


# For every trace


@st.composite
def plans(draw) -> tt.Plan:
    minimum = draw(st.integers(0, 6))
    maximum = draw(st.integers(minimum, 30))
    metrics = draw(st.permutations([tt.CPU, tt.REQUESTS]))
    policies = [
        TargetTracking(
            metric,
            metric,
            draw(st.floats(20, 90)),
            disable_scale_in=draw(st.booleans()),
            scale_in_cooldown=draw(st.sampled_from([0, 120, 300])),
            scale_out_cooldown=draw(st.sampled_from([0, 120])),
        )
        for metric in metrics[: draw(st.integers(0, 2))]
    ]
    if draw(st.booleans()):
        steps = (StepAdjustment(0, 10, draw(st.integers(1, 3))), StepAdjustment(10, INFINITY, draw(st.integers(1, 9))))
        policies.append(StepScaling("up", tt.CPU, Alarm(60, GREATER_EQUAL, 2, 1), steps))
        policies.append(StepScaling("down", tt.CPU, Alarm(30, LESS, 2, 2), (StepAdjustment(-INFINITY, 0, -1),)))
    warmup = draw(st.sampled_from([None, 0, 90, 300]))
    return tt.Plan(minimum, maximum, draw(st.integers(minimum, maximum)), warmup, tuple(policies))


values = st.one_of(st.none(), st.floats(0, 200))


@settings(max_examples=150, deadline=None)
@given(plans(), st.lists(values, max_size=60))
def test_never_outside_the_bounds_and_no_list_grows_without_bound(plan, trace):
    for state in settled(plan, trace * 3):
        assert plan.minimum <= state.desired <= plan.maximum
        assert len(state.activities) <= 100 and all(len(points) <= 15 for points in state.points.values())


@settings(max_examples=150, deadline=None)
@given(plans(), st.lists(values, max_size=80))
def test_never_against_its_direction(plan, trace):
    """Up only after a datapoint above some threshold that scales out, down only after one below one that scales in."""
    before = plan.desired
    for value, state in zip(trace, settled(plan, trace), strict=True):
        ups = [
            p.target if isinstance(p, TargetTracking) else p.alarm.threshold for p in plan.policies if p.name != "down"
        ]
        if state.desired > before:
            recent = [v for points in state.points.values() for v in points if v is not None]
            assert value is not None and any(v >= threshold for v in recent for threshold in ups)
        if state.desired < before:
            downs = [p.low.threshold for p in plan.policies if isinstance(p, TargetTracking) and not p.disable_scale_in]
            downs += [p.alarm.threshold for p in plan.policies if p.name == "down"]
            assert value is not None and value < max(downs)
        before = state.desired


@settings(max_examples=60, deadline=None)
@given(st.floats(5, 1500), st.integers(1, 30), st.floats(20, 80), st.sampled_from([0.0, 180.0]), st.booleans())
def test_a_constant_load_settles(load, start, target, warmup, by_requests):
    metric = tt.REQUESTS if by_requests else tt.CPU
    policy = TargetTracking("hold", metric, target * 60 if by_requests else target)
    controller = tt.Controller(tt.Plan(1, 30, start, warmup, (policy,)))
    run = traffic.replay(np.full(12 * 240, load), traffic.ServerPool(start, boot_seconds=min(warmup, 120)), controller)
    last = run.capacity[-240:]
    assert (last == last[0]).all(), "still moving after eleven hours"
    assert last[0] >= min(30, int(load / target)), "a pool of 100/s each: the load in % of one is the load itself"


# Bad input: one error, with the path

GROUP = {"MinSize": "2", "MaxSize": 9, "DefaultInstanceWarmup": 120}
TRACKING = {
    "PolicyName": "cpu",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingConfiguration": {
        "PredefinedMetricSpecification": {"PredefinedMetricType": tt.CPU},
        "TargetValue": 50,
    },
}
STEP = {
    "PolicyName": "out",
    "PolicyType": "StepScaling",
    "AdjustmentType": "ChangeInCapacity",
    "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}],
}
ALARM_OF_STEP = {
    "MetricName": "CPUUtilization",
    "AlarmActions": ["out"],
    "ComparisonOperator": GREATER,
    "Threshold": 80,
    "EvaluationPeriods": 2,
    "Period": 60,
}


def test_an_action_that_only_aws_can_resolve_names_no_policy():
    imported = {"Fn::ImportValue": "alerts"}
    other = {"MetricName": "CPUUtilization", "AlarmActions": [imported]}
    plan = tt.plan(GROUP, [STEP], [other, {**ALARM_OF_STEP, "AlarmActions": [imported, "out"]}])
    assert plan.policies[0].alarm == Alarm(80, GREATER, 2, 2)


def test_a_plan_from_awss_dictionaries():
    action = {"ScheduledActionName": "evening", "Recurrence": "0 17 * * *", "MinSize": 4}
    plan = tt.plan(GROUP, [TRACKING, STEP], [ALARM_OF_STEP], [action])
    assert (plan.minimum, plan.maximum, plan.desired, plan.warmup) == (2, 9, 2, 120)
    assert plan.policies[0] == cpu(50) and plan.policies[1].alarm == Alarm(80, GREATER, 2, 2)
    assert plan.policies[1].steps == (StepAdjustment(0, INFINITY, 1),) and plan.schedule[0].minimum == 4


def tracking(**changes) -> dict:
    return {**TRACKING, "TargetTrackingConfiguration": {**TRACKING["TargetTrackingConfiguration"], **changes}}


def steps(*bounds) -> dict:
    keys = ("MetricIntervalLowerBound", "MetricIntervalUpperBound")
    return {
        **STEP,
        "StepAdjustments": [dict(zip(keys, pair, strict=True)) | {"ScalingAdjustment": 1} for pair in bounds],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"MaxSize": 3},), "group.MinSize is missing"),
        (({"MinSize": 5, "MaxSize": 3},), "group.MinSize is 5, above group.MaxSize, which is 3"),
        (({"MinSize": 1, "MaxSize": 3, "DesiredCapacity": 4},), "group.DesiredCapacity is 4, outside of 1 to 3"),
        (({"MinSize": 1, "MaxSize": "many"},), "group.MaxSize must be a number, got 'many'"),
        (({"MinSize": 1.5, "MaxSize": 3},), "group.MinSize must be a whole number, got 1.5"),
        ((GROUP, [{"PolicyName": "x"}]), r"policies\[0\].PolicyType must be .* got 'SimpleScaling'"),
        ((GROUP, [tracking(TargetValue=0)]), r"TargetTrackingConfiguration.TargetValue must be above 0"),
        ((GROUP, [tracking(PredefinedMetricSpecification={})]), r"PredefinedMetricType must be ASGAverage.* got None"),
        ((GROUP, [TRACKING, TRACKING]), "a PolicyName is used twice"),
        ((GROUP, [STEP]), r"policies\[0\]: exactly one alarm must name out in AlarmActions, found 0"),
        ((GROUP, [STEP], [{**ALARM_OF_STEP, "MetricName": "Latency"}]), r"alarms\[0\].MetricName must be CPU"),
        ((GROUP, [STEP], [{**ALARM_OF_STEP, "Period": 300}]), r"alarms\[0\].Period must be .* 60 s, got 300"),
        ((GROUP, [STEP], [{**ALARM_OF_STEP, "ComparisonOperator": ">"}]), r"ComparisonOperator must be one of"),
        ((GROUP, [STEP], [{**ALARM_OF_STEP, "DatapointsToAlarm": 3}]), "DatapointsToAlarm is 3, above Evaluation"),
        ((GROUP, [steps((0, 10), (5, None))], [ALARM_OF_STEP]), "two steps overlap between 5 and 10"),
        ((GROUP, [steps((0, 10), (20, None))], [ALARM_OF_STEP]), "two steps leave a gap between 20 and 10"),
        ((GROUP, [steps((0, 10))], [ALARM_OF_STEP]), "one step must have no MetricIntervalUpperBound"),
        ((GROUP, [steps((-10, 0))], [ALARM_OF_STEP]), "one step must have no MetricIntervalLowerBound"),
        ((GROUP, [steps((None, None))], [ALARM_OF_STEP]), r"StepAdjustments\[0\] needs"),
        ((GROUP, [steps((10, 0))], [ALARM_OF_STEP]), r"StepAdjustments\[0\].MetricIntervalLowerBound is 10, not below"),
        ((GROUP, [{**STEP, "StepAdjustments": []}], [ALARM_OF_STEP]), "StepAdjustments is missing or empty"),
        ((GROUP, [], [], [{"Recurrence": "0 17 * *", "MinSize": 1}]), r"actions\[0\].Recurrence '0 17 .* five fields"),
        ((GROUP, [], [], [{"Recurrence": "0 25 * * *", "MinSize": 1}]), "'25' is no list or range of 0 to 23"),
        ((GROUP, [], [], [{"Recurrence": "0 1 3 * *", "MinSize": 1}]), "no day of month and no month"),
        ((GROUP, [], [], [{"Recurrence": "0 1 * * *"}]), r"actions\[0\] changes nothing"),
        ((GROUP, [], [], [{"Recurrence": "0 1 * * *", "MinSize": 99}]), "MinSize is 99, above MaxSize, which is 9"),
    ],
)
def test_bad_input_is_one_error_with_its_path(arguments, message):
    with pytest.raises(SettingError, match=message):
        tt.plan(*arguments)
