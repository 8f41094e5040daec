"""The notebooks of unit 05 that talk to AWS: their labs, and their references against their own words (tests/engines/test_aws_*.py: other endpoints)."""

import copy
import json
import math
from contextlib import nullcontext, suppress
from fractions import Fraction
from types import SimpleNamespace

import pandas as pd
import pytest
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.book import chapter
from companion.configs import cloudformation
from companion.engines import aws
from companion.errors import SettingError
from companion.labs.scaling import event_days, tagged_groups
from companion.simulate import target_tracking, traffic

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")
CLOUDFORMATION, BOTO3 = chapter("cloudformation_autoscaling"), chapter("boto3_autoscaling")


@pytest.mark.parametrize("more", [None, "IpRanges", "Ipv6Ranges", "PrefixListIds"])
def test_an_address_range_of_any_kind_is_noticed(more, capsys):
    """The cell on safety, with one rule more on the group that is there."""
    (source,) = (
        cell["source"] for cell in chapters.code(CLOUDFORMATION) if "address ranges admitted" in cell["source"]
    )
    rule = {"UserIdGroupPairs": [{"GroupId": "sg-balancer"}], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
    if more:
        rule[more] = [{"CidrIpv6": "::/0"}]
    data = {"MetadataOptions": {"HttpTokens": "required"}, "SecurityGroupIds": ["sg-instances"]}
    ec2 = SimpleNamespace(
        describe_launch_template_versions=lambda **_: {"LaunchTemplateVersions": [{"LaunchTemplateData": data}]},
        describe_security_groups=lambda **_: {"SecurityGroups": [{"IpPermissions": [rule]}]},
    )
    space = {"ec2": ec2, "deployed": lambda: {"group": {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}}}
    with pytest.raises(AssertionError) if more else nullcontext():
        exec(source, space)  # noqa: S102  (the project's own cell)
    assert bool(capsys.readouterr().out) is not bool(more)


def test_embedded_means_neither_the_readers_account_nor_the_readers_endpoint(monkeypatch):
    assert aws.embedded()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert not aws.embedded()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "")
    monkeypatch.setenv("COMPANION_REAL_AWS", "123456789012")
    assert not aws.embedded()


# The labs


def test_days_to_choose_on_are_no_days_to_report_on():
    assert not set(event_days.CHOOSING) & set(event_days.REPORTING)
    assert len(event_days.CHOOSING) >= 5 and len(event_days.REPORTING) >= 10
    one, other = event_days.day(1), event_days.day(2)
    assert one.shape == (5760,) and (one == event_days.day(1)).all() and (one != other).any()


def test_a_summary_counts_kept_days_and_the_cheapest_broke_none():
    days = pd.DataFrame(
        [("a", 0, 10.0, 0.0), ("a", 1, 12.0, 0.25), ("b", 0, 30.0, 0.0), ("b", 1, 31.0, 0.0), ("c", 0, 20.0, 0.0), ("c", 1, 22.0, 0.0)],
        columns=["plan", "seed", "hours", "broken"],
    )  # fmt: skip
    table = event_days.summary(days)
    assert list(table.index) == ["a", "b", "c"] and list(table["days kept"]) == [1, 2, 2]
    assert table.loc["a"].to_dict() == {
        "days": 2, "days kept": 1, "worst day, min": 0.25, "mean, min": 0.12, "instance-hours": 11.0
    }  # fmt: skip
    assert event_days.cheapest(days) == "c"
    with pytest.raises(SettingError, match="no plan keeps"):
        event_days.cheapest(days[days["plan"] == "a"])


def test_every_plan_runs_through_the_same_days():
    plans = {"small": target_tracking.Plan(9, 9, 9), ("large", 16): target_tracking.Plan(16, 16, 16)}
    days = event_days.over_days(plans, (3, 4))
    assert [*zip(days["plan"], days["seed"], strict=True)] == [(p, s) for s in (3, 4) for p in plans]
    assert list(days["hours"]) == [216.0, 384.0] * 2 and days["broken"][1] == 0 < days["broken"][0]


def test_candidates_are_drawn_with_their_numbers_and_their_cost():
    import matplotlib.pyplot as plt

    rows = [((kind, n), 0, 10.0 * n, 5.0 - n) for kind, n in (("fixed", 2), ("fixed", 3), ("reaction", 4))]
    table = event_days.summary(pd.DataFrame(rows, columns=["plan", "seed", "hours", "broken"]))
    fig, (ax, paid) = plt.subplots(1, 2)
    event_days.draw_candidates(ax, table, percent="reaction")
    event_days.draw_candidates(paid, table, legend="hold {} %", price=0.1)
    assert [text.get_text() for text in ax.texts] == ["2", "3", "4 %"]
    assert [list(line.get_xdata()) for line in ax.lines] == [[20, 30], [40]]
    assert [list(line.get_xdata()) for line in paid.lines] == [[2, 3], [4]]
    assert paid.lines[0].get_label() == "hold fixed %" and "$" in paid.get_xlabel() and "1 days" in ax.get_ylabel()
    plt.close(fig)


def test_groups_to_look_for_are_made_once_and_given_a_few_at_a_time():
    session = aws.connect()
    names = {f"lab-{n}": {"Team": "a"} for n in range(5)}
    try:
        for _ in range(2):
            tagged_groups.make(session, names)
        pages = list(tagged_groups.paged(session, 2).get_paginator("describe_auto_scaling_groups").paginate())
        assert [len(page["AutoScalingGroups"]) for page in pages] == [2, 2, 1]
        assert {g["AutoScalingGroupName"] for page in pages for g in page["AutoScalingGroups"]} == set(names)
        assert (
            len(tagged_groups.paged(session, 2).describe_auto_scaling_groups(MaxRecords=100)["AutoScalingGroups"]) == 2
        )
        tags = list(tagged_groups.paged(session, 2).get_paginator("describe_tags").paginate())
        found = [(tag["ResourceId"], tag["Key"]) for page in tags for tag in page["Tags"]]
        assert {len(page["Tags"]) for page in tags[:-1]} == {2} and len(found) == len(set(found))
        assert {name for name, key in found if key == "Team"} == set(names)
    finally:
        assert len(aws.clean_up(session)) == 6  # they, and what they start from
    assert aws.clean_up(session) == []


# The references: what their statements say, for any input


def reference(of, number: int):
    """The book's own answer to an exercise, as a function."""
    space = {"copy": copy, "math": math, "cloudformation": cloudformation, "SettingError": SettingError}
    before = set(space)
    exec(chapters.solutions(of)[f"{of.name}-{number}"], space)  # noqa: S102  (the project's own answer)
    (name,) = set(space) - before - {"__builtins__"}
    return space[name]


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 4000), st.integers(1, 2000), st.integers(0, 20), st.integers(0, 40))
def test_desired_is_the_ceiling_within_the_bounds(current, tenths, target_tenths, least, more):
    desired = reference(BOTO3, 1)
    exact = math.ceil(Fraction(current * tenths, target_tenths))
    assert desired(current, tenths / 10, target_tenths / 10, least, least + more) == min(
        least + more, max(least, exact)
    )


def test_desired_agrees_with_the_worked_example_and_with_the_simulator():
    desired = reference(BOTO3, 1)
    assert desired(4, 80, 50, 1, 20) == 7 and desired(3, 0.1, 0.1, 1, 9) == 3
    for current in range(1, 40):
        for value in range(0, 100, 7):
            assert desired(current, value, 50, 0, 10**6) == target_tracking.tracked_capacity(current, value, 50)


@pytest.mark.slow
@pytest.mark.parametrize("hour", range(10, 21))
def test_the_design_keeps_its_promise_at_every_hour(hour):
    answer = reference(BOTO3, 3)(hour)
    group = {"MinSize": 2, "MaxSize": 30, "DesiredCapacity": 8, "DefaultInstanceWarmup": 180}
    plan = target_tracking.plan(group, answer["policies"], [], answer["actions"])
    for excess, seed in ((600, 51), (800, 52)):
        trace = traffic.with_noise(traffic.ten_x_day(60) + traffic.launch_spike(0, excess, at_hour=hour), seed=seed)
        one = traffic.replay(trace, traffic.ServerPool(8), target_tracking.Controller(plan))
        assert traffic.slo_minutes(one) < 2 and traffic.instance_hours(one) < 235 and one.capacity.max() <= 30


parameters = st.dictionaries(
    st.text("abcXYZ", min_size=1, max_size=4),
    st.one_of(st.just({"Type": "String"}), st.builds(lambda d: {"Type": "String", "Default": d}, st.sampled_from(["", 0, "a", None]))),
)  # fmt: skip


@settings(deadline=None)
@given(parameters)
def test_required_are_those_without_a_default_sorted(declared):
    template = {"Parameters": declared, "Resources": {}}
    before = copy.deepcopy(template)
    assert reference(CLOUDFORMATION, 1)(template) == sorted(n for n in declared if list(declared[n]) == ["Type"])
    assert template == before


def test_what_is_repaired_is_the_template_before_the_damage():
    setup = "\n".join(chapters.setup(CLOUDFORMATION))
    space = {}
    exec(setup, space)  # noqa: S102  (the project's own cells)
    repaired, damage, minimal = reference(CLOUDFORMATION, 2), space["damage"], space["minimal"]
    assert cloudformation.faults(space["damaged"]) and repaired(space["damaged"]) == minimal == repaired(minimal)
    other = minimal.replace("Default: 50", "Default: 70")
    assert repaired(damage(other)) == other


names = st.lists(st.sampled_from([*(f"Schedule{n}" for n in range(6)), "Group", "Topic"]), unique=True, max_size=8)
pairs = st.lists(st.tuples(st.sampled_from(["0 1 * * *", "30 8 * * 1-5"]), st.integers(0, 9)), max_size=5)


@settings(max_examples=200, deadline=None)
@given(names, pairs, st.integers(1, 9))
def test_with_schedule_adds_all_or_refuses_and_leaves_the_rest(taken, times, most):
    group = {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": 0, "MaxSize": {"Ref": "Most"}}}
    topics = {name: {"Type": "AWS::SNS::Topic"} for name in taken}
    template = {
        "Parameters": {"Most": {"Type": "Number", "Default": str(most)}},
        "Resources": {**topics, "Fleet": group},
    }
    before, answer = json.dumps(template), reference(CLOUDFORMATION, 3)
    if any(minimum > most for _, minimum in times):
        with pytest.raises(SettingError, match="above MaxSize"):
            answer(template, times)
    else:
        made = answer(template, times)["Resources"]
        assert {name: made[name] for name in template["Resources"]} == template["Resources"]
        actions = [made[name]["Properties"] for name in made if name not in template["Resources"]]
        assert [(a["Recurrence"], a["MinSize"]) for a in actions] == times
        assert all(a["AutoScalingGroupName"] == {"Ref": "Fleet"} and len(a) == 3 for a in actions)
    assert json.dumps(template) == before
    with suppress(SettingError):
        assert answer(template, times) is not template
