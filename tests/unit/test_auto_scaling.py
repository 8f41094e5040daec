"""The notebooks of unit 05 that talk to AWS: as real AWS would answer them, their labs, and their references against their own words."""

import copy
import json
import math
import sys
from contextlib import nullcontext, suppress
from fractions import Fraction
from types import SimpleNamespace

import pandas as pd
import pytest
from botocore.exceptions import ClientError
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

# As on real AWS. moto is in its place, and answers as AWS documents in each point where a notebook could have relied on the stand-in


def _refused(code: str, message: str, operation: str):
    def refuse(**_):
        raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

    return refuse


class LikeAws:
    """Handlers for a session's events: the warm-up is kept, names are AWS's own, what is deleted is seen for a while, and so on."""

    def __init__(self):
        self.warmups, self.going, self.change_sets = {}, [], set()

    def register(self, session) -> None:
        events = session._session
        own = _refused(
            "InvalidParameterValue", "The value AWS/EC2 for parameter Namespace is invalid.", "PutMetricData"
        )
        events.register("before-parameter-build.cloudwatch.PutMetricData", own)
        many = _refused("AssertionError", "an arbitrary one of very many images", "DescribeImages")
        events.register("before-parameter-build.ec2.DescribeImages", many)
        for call in ("CreateAutoScalingGroup", "UpdateAutoScalingGroup"):
            events.register(f"before-parameter-build.autoscaling.{call}", self.remember)
        events.register("before-parameter-build.autoscaling.DeleteAutoScalingGroup", self.goes)
        events.register("before-parameter-build.cloudformation.CreateChangeSet", self.one_name)
        events.register("after-call.autoscaling.DescribeAutoScalingGroups", self.groups)
        events.register("after-call.autoscaling.DescribePolicies", self.policies)
        events.register("after-call.autoscaling.DescribeScheduledActions", self.actions)

    def remember(self, params, **_) -> None:
        if "DefaultInstanceWarmup" in params:
            self.warmups[params["AutoScalingGroupName"]] = params["DefaultInstanceWarmup"]

    def goes(self, params, **_) -> None:
        self.going.append(params["AutoScalingGroupName"])

    def one_name(self, params, **_) -> None:
        if params["ChangeSetName"] in self.change_sets:
            _refused("AlreadyExistsException", params["ChangeSetName"], "CreateChangeSet")()
        self.change_sets.add(params["ChangeSetName"])

    def groups(self, parsed, **_) -> None:
        if "AutoScalingGroups" not in parsed:  # an error
            return
        for group in parsed["AutoScalingGroups"]:
            group["DefaultInstanceWarmup"] = self.warmups.get(group["AutoScalingGroupName"], 180)
        if "NextToken" not in parsed:
            gone = {"Status": "Delete in progress", "Instances": [], "Tags": [], "DesiredCapacity": 0}
            parsed["AutoScalingGroups"] += [{"AutoScalingGroupName": name, **gone} for name in self.going]

    def policies(self, parsed, **_) -> None:
        for policy in parsed["ScalingPolicies"]:
            if policy["AutoScalingGroupName"] not in self.warmups:  # of a template: the name is AWS's
                policy["PolicyName"] = f"web-{policy['PolicyName']}-1X2Y3Z"
        parsed["ScalingPolicies"].sort(key=lambda policy: policy["PolicyName"], reverse=True)

    @staticmethod
    def actions(parsed, **_) -> None:
        for action in parsed["ScheduledUpdateGroupActions"]:
            action["ScheduledActionName"] = f"web-{action['ScheduledActionName']}-4A5B6C"
        parsed["ScheduledUpdateGroupActions"].reverse()


@pytest.fixture
def real_aws(monkeypatch):
    """The reader has named an account, and it answers as AWS does."""
    session = aws.connect()
    LikeAws().register(session)
    monkeypatch.setattr(aws, "_real_session", lambda: session)
    monkeypatch.setattr(aws, "_remove_at_the_end", lambda _: None)
    monkeypatch.setenv("COMPANION_REAL_AWS", "123456789012")
    yield session
    aws.clean_up(session)


def run(of, first: str, *parts: tuple[str, str]) -> dict:
    """Run a notebook's taught cells from its beginning to the heading ``first``, and from heading to heading; without pictures."""
    cells, raising, space = chapters.cells(of), chapters.raising(of), {"__name__": "__main__"}
    headings = [n for n, cell in enumerate(cells) if cell["cell_type"] == "markdown"]

    def at(heading: str) -> int:
        return next(n for n in headings if any(line.startswith(heading) for line in cells[n]["source"].splitlines()))

    for begin, end in [(0, at(first)), *((at(a), at(b)) for a, b in parts)]:
        for cell in cells[begin:end]:
            source = cell["source"]
            if cell["cell_type"] != "code" or "draw.show(" in source:
                continue
            try:
                exec(compile(source, of.name, "exec"), space)  # noqa: S102  (the project's own cells)
            except Exception as error:
                if source not in raising:
                    raise
                sys.last_value = error
            else:
                assert source not in raising, f"raised nothing:\n{source}"
    return space


@pytest.mark.slow
def test_the_cloudformation_cells_hold_on_real_aws(real_aws, capsys):
    space = run(CLOUDFORMATION, "## Measure", ("## Tear down", "## Take it further"))
    printed = capsys.readouterr().out
    assert "REAL AWS: account 123456789012" in printed and "as before the first deployment: True" in printed
    assert space["there"].warmup == 180 and "a target of 90 is noticed: True" in printed


@pytest.mark.slow
def test_the_boto3_cells_hold_on_real_aws(real_aws, capsys):
    run(BOTO3, "## Measure", ("## Clean up", "## Take it further"))
    printed = capsys.readouterr().out
    assert "skipped: real AWS does scale" in printed and "the paginator: 61" in printed


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
