"""The templates: clean, safe, deployable to the stand-in; and a broken one gets one clear error with its path."""

import configparser
import copy
import json
import re
import shlex
import subprocess
import sys
import urllib.request
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError, WaiterError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import until

from companion import checkout
from companion.configs.cloudformation import check, differences, faults, load, scaling, source
from companion.engines import aws
from companion.errors import SettingError
from companion.processes.server import free_port
from companion.simulate import target_tracking

TEMPLATES = sorted(checkout.folder("cloudformation").glob("*.yaml"))
MINIMAL, FULL = ((checkout.folder("cloudformation") / f"{name}.yaml").read_text() for name in ("minimal", "full"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_clean_under_cfn_lint(path):
    assert faults(path.read_text()) == []


@pytest.mark.parametrize("text", [MINIMAL, FULL], ids=["minimal", "full"])
def test_imdsv2_only_one_minute_metrics_and_no_desired_capacity(text):
    resources = load(text)["Resources"]
    data = resources["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    assert data["MetadataOptions"]["HttpTokens"] == "required" and data["Monitoring"] == {"Enabled": True}
    assert "DesiredCapacity" not in resources["Group"]["Properties"]


@pytest.mark.parametrize("text", [MINIMAL, FULL], ids=["minimal", "full"])
def test_every_parameter_is_constrained(text):
    for name, parameter in load(text)["Parameters"].items():
        typed = parameter["Type"].startswith(("AWS::", "List<AWS::"))
        assert typed or {"MinValue", "AllowedValues", "AllowedPattern"} & set(parameter), name


def test_nobody_is_let_in_from_everywhere():
    template = load(FULL)
    rules = [
        rule
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::EC2::SecurityGroup"
        for rule in resource["Properties"]["SecurityGroupIngress"]
    ]
    assert len(rules) == 2 and all("0.0.0.0/0" not in str(rule) and "::/0" not in str(rule) for rule in rules)
    assert not any("CidrIpv6" in rule or "SourcePrefixListId" in rule for rule in rules)
    pattern = template["Parameters"]["ClientCidr"]["AllowedPattern"]
    assert re.match(pattern, "10.0.0.0/8") and not re.match(pattern, "0.0.0.0/0") and not re.match(pattern, "1.0.0.0/1")


def test_the_role_may_little():
    (policy,) = load(FULL)["Resources"]["Role"]["Properties"]["Policies"]
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any("*" in action for action in actions)
        assert statement["Resource"] != "*" or "Condition" in statement


def test_what_scales_is_what_the_simulator_reads():
    plan = target_tracking.plan(**scaling(FULL, MaxSize=30, WarmupSeconds=240))
    assert (plan.minimum, plan.maximum, plan.warmup) == (2, 30, 240)
    assert [policy.name for policy in plan.policies] == ["HoldCpu", "HoldRequests", "Emergency"]
    assert plan.policies[2].alarm.threshold == 80 and plan.policies[2].least == 2
    assert [(a.name, a.minimum) for a in plan.schedule] == [("EveningUp", 6), ("NightDown", 2)]
    assert target_tracking.plan(**scaling(MINIMAL)).policies[0].target == 50


def test_every_alarm_calls_somebody_and_a_person_is_told():
    template = load(FULL)
    alarms = {n: r["Properties"] for n, r in template["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    called = {action["Ref"] for alarm in alarms.values() for action in alarm["AlarmActions"]}
    assert called == {"Emergency", "Alerts"} and alarms["NobodyHealthy"]["OKActions"] == [{"Ref": "Alerts"}]
    (subscription,) = template["Resources"]["Alerts"]["Properties"]["Subscription"]
    assert subscription == {"Protocol": "email", "Endpoint": {"Ref": "AlertEmail"}}
    address = template["Parameters"]["AlertEmail"]
    assert "Default" not in address and re.match(address["AllowedPattern"], "oncall@example.com")
    assert not re.match(address["AllowedPattern"], "nobody")


def test_an_update_keeps_the_evening_and_waits_for_what_it_starts():
    policy = load(FULL)["Resources"]["Group"]["UpdatePolicy"]
    assert policy["AutoScalingScheduledAction"] == {"IgnoreUnmodifiedGroupSizeProperties": True}
    rolling = policy["AutoScalingRollingUpdate"]
    assert rolling["WaitOnResourceSignals"] is True and "cfn-signal" in user_data()
    assert {"AlarmNotification", "ScheduledActions", "AZRebalance"} <= set(rolling["SuspendProcesses"])


def user_data() -> str:
    data = load(FULL)["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]
    return data["UserData"]["Fn::Base64"]["Fn::Sub"]


def test_what_an_instance_runs_comes_back_after_a_reboot_and_is_not_root(tmp_path):
    script = user_data()
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(script.partition("<<'UNIT'\n")[2].partition("\nUNIT\n")[0])
    assert unit["Service"]["Restart"] == "always" and unit["Service"]["DynamicUser"] == "yes"
    assert unit["Install"]["WantedBy"] == "multi-user.target" and "systemctl enable --now web.service" in script
    # the very command of the unit, elsewhere and on another port, answers the load balancer's health check
    (tmp_path / "healthz").write_text("ok\n")
    python, *rest = shlex.split(unit["Service"]["ExecStart"].replace("/srv/www", str(tmp_path)))
    port = free_port()
    command = [sys.executable, *(str(port) if word == "8080" else word for word in rest)]
    assert python == "/usr/bin/python3" and str(port) in command
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:

        def answers() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                    return answer.read() == b"ok\n"
            except OSError:
                return False

        try:
            assert until(answers, 60)
        finally:
            server.terminate()


# Broken ones

HOLD = "AutoScalingGroupName: !Ref Group\n      PolicyType: TargetTrackingScaling"
BROKEN = [
    (
        "missing resource",
        MINIMAL.replace("LaunchTemplateId: !Ref LaunchTemplate\n", "LaunchTemplateId: !Ref LaunchTemplat\n"),
        r"^Resources/Group/Properties/LaunchTemplate/LaunchTemplateId/Ref: 'LaunchTemplat' is not one of",
    ),
    (
        "circular reference",
        FULL.replace("GroupDescription: Clients to the load balancer", "GroupDescription: !Ref InstanceSecurityGroup"),
        r"^Resources/(LoadBalancer|Instance)SecurityGroup: Circular Dependencies",
    ),
    (
        "wrong type",
        MINIMAL.replace("DefaultInstanceWarmup: 180", "DefaultInstanceWarmup: three minutes"),
        r"^Resources/Group/Properties/DefaultInstanceWarmup: 'three minutes' is not of type 'integer'",
    ),
    (
        "min above max",
        MINIMAL.replace("Default: 2\n", "Default: 9\n"),
        r"^Resources/Group/Properties/MinSize: 9 is above MaxSize, which is 8$",
    ),
    (
        "unknown property",
        MINIMAL.replace("      MinSize: !Ref", "      MinimumSize: 1\n      MinSize: !Ref"),
        r"^Resources/Group/Properties/MinimumSize: .*MinimumSize",
    ),
    (
        "missing property",
        MINIMAL.replace("      MaxSize: !Ref MaxSize\n", ""),
        r"Resources/Group/Properties: 'MaxSize'",
    ),
    ("no YAML", MINIMAL.replace("Resources:\n", "Resources: [\n"), r"^line \d+: the template is no YAML"),
    ("no resources", "Parameters: {}\n", "^Resources: a template needs this section"),
]


@pytest.mark.parametrize(("text", "message"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_broken_template_gets_one_error_with_its_path(text, message):
    assert text not in (MINIMAL, FULL)
    with pytest.raises(SettingError, match=message) as caught:
        check(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "parameters", "message"),
    [
        (FULL, {"EveningMinSize": 40}, "Resources/EveningUp/Properties/MinSize: 40 is above Group's MaxSize, which is 20"),
        (FULL, {"EveningMinSize": 31, "MaxSize": 30}, "Resources/EveningUp/Properties/MinSize: 31 is above Group's MaxSize"),
        (FULL.replace("MinSize: !Ref EveningMinSize", "MinSize: !Ref EveningMinSize\n      DesiredCapacity: 21"), {}, "EveningUp/Properties/DesiredCapacity: 21 is above"),
        (FULL.replace("MinInstancesInService: 1", "MinInstancesInService: 20"), {}, "MinInstancesInService: 20 leaves none to replace: MaxSize is 20"),
        (FULL, {"EveningMinSize": 20, "MaxSize": 20}, None),
        (FULL.replace("MinSize: !Ref EveningMinSize", "MinSize: !Ref EveningMinSize\n      MaxSize: 50"), {"EveningMinSize": 40}, None),
    ],
    ids=["evening", "by parameters", "desired", "rolling", "as many as there may be", "it raises the maximum too"],
)  # fmt: skip
def test_what_is_scheduled_must_fit_into_its_group(text, parameters, message):
    found = faults(text, **parameters)
    assert found == [] if message is None else len(found) == 1 and message in found[0]


def test_parameters_can_contradict_each_other_too():
    check(MINIMAL, MinSize=8)
    with pytest.raises(SettingError, match="MinSize: 10 is above MaxSize, which is 8"):
        check(MINIMAL, MinSize=10)
    with pytest.raises(SettingError, match="Parameters: the template has no Minimum"):
        scaling(MINIMAL, Minimum=3)
    with pytest.raises(SettingError, match=r"exactly one .*AutoScalingGroup is needed, found 0"):
        scaling("Resources:\n  A:\n    Type: AWS::SNS::Topic\n")


def test_source_is_a_resources_own_lines():
    assert source(MINIMAL, "HoldCpu").startswith("  HoldCpu:\n    Type: AWS::AutoScaling::ScalingPolicy\n")
    assert source(MINIMAL, "HoldCpu").endswith("TargetValue: !Ref TargetCpu")
    for text in (MINIMAL, FULL):
        for name, resource in load(text)["Resources"].items():
            assert load("Resources:\n" + source(text, name) + "\n")["Resources"] == {name: resource}
    with pytest.raises(SettingError, match="has no Subnets"):
        source(FULL, "Subnets")  # a parameter


def test_differences_are_of_what_is_said_and_not_of_how():
    assert differences(FULL, json.dumps(load(FULL))) == []
    assert differences(MINIMAL, MINIMAL.replace("Default: 8", "Default: 9")) == [
        "Parameters/MaxSize/Default: 8 became 9"
    ]
    assert differences(MINIMAL, MINIMAL.replace("      MaxSize: !Ref MaxSize\n", "")) == [
        "Resources/Group/Properties/MaxSize: {'Ref': 'MaxSize'} became None"
    ]
    tags = differences(MINIMAL, MINIMAL.replace("Key: Project", "Key: Team"))
    assert tags == ["Resources/Group/Properties/Tags/0/Key: 'Project' became 'Team'"]


# Templates of others: JSON with tabs, intrinsic functions wherever they may stand, sections that are empty

STRANGE = """
Parameters:
Conditions: { Many: !Equals [a, b] }
Resources:
  Fn::Transform: { Name: AWS::Include }
  Fleet:
    Type: AWS::AutoScaling::AutoScalingGroup
    Properties: { MinSize: "1", MaxSize: "4", DesiredCapacity: !Ref AWS::NoValue }
  Up:
    Type: AWS::AutoScaling::ScalingPolicy
    Properties:
      PolicyType: StepScaling
      StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 1 }]
  Tell:
    Type: AWS::CloudWatch::Alarm
    Properties:
      MetricName: CPUUtilization
      ComparisonOperator: GreaterThanThreshold
      Threshold: 80
      AlarmActions: ACTIONS
"""


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ("[!Ref Up]", None),
        ("[!ImportValue alerts, !Ref Up]", None),
        ("!Ref Up", None),
        ("[!GetAtt Up.Arn]", None),
        ('[!Sub "${Up}"]', None),
        ("[!If [Many, !ImportValue alerts, !Ref AWS::NoValue], !Ref Up]", None),
        ("[null, !Ref Up, 5]", None),
        ('[!ImportValue { "Fn::Sub": "${Parent}-Topic" }, !Ref Up, !Ref Up]', None),
        ("[!GetAtt Up.PolicyName]", "exactly one alarm must name Up in AlarmActions, found 0"),
        ('!Split [",", !Ref Up]', "exactly one alarm must name Up in AlarmActions, found 0"),
        ("[[!Ref Up]]", "exactly one alarm must name Up in AlarmActions, found 0"),
        ("[!ImportValue alerts]", "exactly one alarm must name Up in AlarmActions, found 0 .*only AWS can resolve"),
        ("[!If [Many, !Ref Up, !Ref AWS::NoValue]]", "exactly one alarm must name Up in AlarmActions, found 0"),
        ("!If [Many, [!Ref Up], [!ImportValue alerts]]", "exactly one alarm must name Up in AlarmActions, found 0"),
    ],
)
def test_an_alarms_action_may_be_an_intrinsic_function(actions, message):
    arguments = scaling(STRANGE.replace("ACTIONS", actions))
    if message is None:
        assert target_tracking.plan(**arguments).policies[0].alarm.threshold == 80
        return
    with pytest.raises(SettingError, match=message):
        target_tracking.plan(**arguments)


def test_json_may_be_indented_with_tabs():
    text = json.dumps(load(MINIMAL), indent="\t")
    assert "\n\t" in text and load(text) == load(MINIMAL)


def places(value, path=()):
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


WHOLE = load(FULL)
ODD = [None, "", 0, -1, 1e400, True, "x", "9" * 400, [], {}, [None], {"Ref": "X"}, {"Ref": ["a"]}, {"Ref": "AWS::NoValue"},
       {"Ref": "MinSize"}, {"Fn::If": ["c", [1], {"Ref": "AWS::NoValue"}]}, {"Fn::ImportValue": "x"}, [{"Fn::If": ["c", 1, 2]}]]  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(list(places(WHOLE))[1:]), st.sampled_from(ODD)), min_size=1, max_size=3))
def test_whatever_stands_in_a_template_the_answer_is_a_plan_or_one_clear_error(changes):
    template = copy.deepcopy(WHOLE)
    for path, value in changes:
        inner = template
        try:
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):
            pass  # an earlier change has taken this place away
    text = json.dumps(template)
    with suppress(SettingError):
        target_tracking.plan(**scaling(text))


# Deployed

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")


@pytest.fixture
def session():
    """The stand-in, with nothing in it before or after."""
    session = aws.connect()
    yield session
    for stack in session.client("cloudformation").describe_stacks()["Stacks"]:
        session.client("cloudformation").delete_stack(StackName=stack["StackName"])


def parameters(session) -> list[dict]:
    ec2 = session.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
    return [
        {"ParameterKey": "VpcId", "ParameterValue": vpc},
        {"ParameterKey": "Subnets", "ParameterValue": ",".join(subnets)},
        {"ParameterKey": "AlertEmail", "ParameterValue": "oncall@example.com"},
    ]


def inventory(session) -> dict[str, int]:
    asg, ec2 = session.client("autoscaling"), session.client("ec2")
    return {
        "groups": len(asg.describe_auto_scaling_groups()["AutoScalingGroups"]),
        "policies": len(asg.describe_policies()["ScalingPolicies"]),
        "actions": len(asg.describe_scheduled_actions()["ScheduledUpdateGroupActions"]),
        "alarms": len(session.client("cloudwatch").describe_alarms()["MetricAlarms"]),
        "balancers": len(session.client("elbv2").describe_load_balancers()["LoadBalancers"]),
        "templates": len(ec2.describe_launch_templates()["LaunchTemplates"]),
        "roles": len(session.client("iam").list_roles()["Roles"]),
        "topics": len(session.client("sns").list_topics()["Topics"]),
    }


@pytest.mark.slow
def test_deployed_described_updated_in_place_and_torn_down(session):
    before = inventory(session)
    cloud, asg = session.client("cloudformation"), session.client("autoscaling")
    options = {"StackName": "web", "Parameters": parameters(session), "Capabilities": ["CAPABILITY_IAM"]}
    cloud.create_stack(TemplateBody=FULL, **options)
    assert inventory(session) == {
        "groups": before["groups"] + 1,
        "policies": before["policies"] + 3,
        "actions": before["actions"] + 2,
        "alarms": before["alarms"] + 2,
        "balancers": before["balancers"] + 1,
        "templates": before["templates"] + 1,
        "roles": before["roles"] + 1,
        "topics": before["topics"] + 1,
    }
    resources = cloud.describe_stack_resources(StackName="web")["StackResources"]
    assert {r["LogicalResourceId"] for r in resources} == set(load(FULL)["Resources"])

    (group,) = asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    policies = asg.describe_policies()["ScalingPolicies"]
    alarms = session.client("cloudwatch").describe_alarms()["MetricAlarms"]
    actions = asg.describe_scheduled_actions()["ScheduledUpdateGroupActions"]
    deployed = target_tracking.plan({**group, "DefaultInstanceWarmup": 180}, policies, alarms, actions)
    written = target_tracking.plan(**scaling(FULL))
    assert [p.alarm if p.name == "Emergency" else p.target for p in written.policies] == [
        p.alarm if "Emergency" in p.name else p.target for p in deployed.policies
    ]
    assert deployed.schedule == written.schedule and deployed.policies[2].steps == written.policies[2].steps

    changed = FULL.replace("HealthCheckGracePeriod: 240", "HealthCheckGracePeriod: 300")
    cloud.create_change_set(ChangeSetName="grace", ChangeSetType="UPDATE", TemplateBody=changed, **options)
    changes = cloud.describe_change_set(StackName="web", ChangeSetName="grace")["Changes"]
    assert [c["ResourceChange"]["LogicalResourceId"] for c in changes] == ["Group"]
    cloud.execute_change_set(StackName="web", ChangeSetName="grace")
    (after,) = asg.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert after["AutoScalingGroupName"] == group["AutoScalingGroupName"] and after["HealthCheckGracePeriod"] == 300
    assert {i["InstanceId"] for i in after["Instances"]} == {i["InstanceId"] for i in group["Instances"]}

    cloud.delete_stack(StackName="web")
    assert inventory(session) == before

    cloud.create_stack(TemplateBody=FULL, Tags=[{"Key": k, "Value": v} for k, v in aws.TAGS.items()], **options)
    assert aws.clean_up(session) == ["stack web"]
    assert inventory(session) == before


def test_a_group_is_not_made_twice(session):
    """moto itself replaces it; AWS, and the stand-in with its gaps filled, refuse."""
    asg, ec2 = session.client("autoscaling"), session.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.create_launch_template(LaunchTemplateName="once", LaunchTemplateData={"ImageId": image})
    template = {"LaunchTemplateName": "once", "Version": "$Latest"}
    sizes = {"MinSize": 0, "MaxSize": 1, "AvailabilityZones": ["us-east-1a"], "LaunchTemplate": template}
    asg.create_auto_scaling_group(AutoScalingGroupName="once", **sizes)
    with pytest.raises(asg.exceptions.AlreadyExistsFault):
        asg.create_auto_scaling_group(AutoScalingGroupName="once", **sizes)
    asg.delete_auto_scaling_group(AutoScalingGroupName="once", ForceDelete=True)
    ec2.delete_launch_template(LaunchTemplateName="once")


# All or nothing, as on AWS


@pytest.fixture
def web(session):
    """A deployed stack: change sets by their ids, and what is there."""

    class Web:
        cloud, scaling = session.client("cloudformation"), session.client("autoscaling")
        number = 0

        def __init__(self):
            self.options = {"StackName": "web", "Parameters": parameters(session), "Capabilities": ["CAPABILITY_IAM"]}

        def change(self, text: str, **mode) -> str:
            self.number += 1
            name = f"change-{self.number}"
            created = self.cloud.create_change_set(
                ChangeSetName=name, ChangeSetType="UPDATE", TemplateBody=text, **self.options, **mode
            )
            self.cloud.get_waiter("change_set_create_complete").wait(ChangeSetName=created["Id"])
            return created["Id"]

        def execute(self, change: str) -> None:
            self.cloud.execute_change_set(ChangeSetName=change)
            self.cloud.get_waiter("stack_update_complete").wait(StackName="web")

        def group(self) -> dict:
            (group,) = self.scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
            return group

        def click(self, **sizes) -> None:
            name = self.group()["AutoScalingGroupName"]
            self.scaling.update_auto_scaling_group(AutoScalingGroupName=name, **sizes)

    one = Web()
    one.cloud.create_stack(TemplateBody=FULL, **one.options)
    return one


WRONG = FULL.replace("Threshold: 80", "Threshold: 70").replace(
    "LaunchTemplateId: !Ref LaunchTemplate\n", "LaunchTemplateId: lt-0123456789abcdef0\n"
)


def test_a_failed_update_goes_back_and_its_change_set_is_used_up(session, web):
    def there() -> tuple:
        alarms = session.client("cloudwatch").describe_alarms()["MetricAlarms"]
        return sorted(a["Threshold"] for a in alarms), web.group()["LaunchTemplate"], web.group()["Instances"]

    before, change = there(), web.change(WRONG)
    for _ in range(2):  # the second one, too: nothing of the first is left
        with pytest.raises(WaiterError, match="UPDATE_ROLLBACK_COMPLETE"):
            web.execute(change := web.change(WRONG))
        assert there() == before
    with pytest.raises(ClientError, match="EXECUTE_FAILED") as refused:
        web.cloud.execute_change_set(ChangeSetName=change)
    assert refused.value.response["Error"]["Code"] == "InvalidChangeSetStatus"
    events = web.cloud.describe_stack_events(StackName="web")["StackEvents"]
    failed = [e for e in events if e["ResourceStatus"] == "UPDATE_FAILED"]
    assert {e["LogicalResourceId"] for e in failed} == {"Group"} and "does not exist" in failed[0][
        "ResourceStatusReason"
    ]
    web.execute(web.change(FULL.replace("Threshold: 80", "Threshold: 60")))
    assert 60 in there()[0]


def test_a_failed_creation_leaves_a_name_and_nothing_else(session):
    cloud, before = session.client("cloudformation"), inventory(session)
    options = {"StackName": "web", "Parameters": parameters(session), "Capabilities": ["CAPABILITY_IAM"]}
    cloud.create_stack(TemplateBody=WRONG, **options)
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        cloud.get_waiter("stack_create_complete").wait(StackName="web")
    assert inventory(session) == before
    assert "Outputs" not in cloud.describe_stacks(StackName="web")["Stacks"][0] and inventory(session) == before
    with pytest.raises(ClientError, match="AlreadyExists"):
        cloud.create_stack(TemplateBody=FULL, **options)
    cloud.delete_stack(StackName="web")
    cloud.create_stack(TemplateBody=FULL, **options)
    with pytest.raises(ClientError, match="Missing parameter"):  # refused before anything is begun
        cloud.create_stack(TemplateBody=FULL, **{**options, "StackName": "other", "Parameters": []})


def test_an_update_leaves_the_evening_alone_and_without_the_rule_it_does_not(web):
    web.click(MinSize=6)
    web.execute(web.change(FULL.replace("Period: 240", "Period: 300")))
    assert (web.group()["MinSize"], web.group()["HealthCheckGracePeriod"]) == (6, 300)
    rule = next(line for line in FULL.splitlines(keepends=True) if "AutoScalingScheduledAction:" in line)
    web.execute(web.change(FULL.replace(rule, "").replace("Period: 240", "Period: 330")))
    assert web.group()["MinSize"] == 2
    web.click(MinSize=6)
    web.execute(web.change(FULL.replace("MinSize: !Ref MinSize\n      MaxSize", "MinSize: 3\n      MaxSize")))
    assert web.group()["MinSize"] == 3, "the template itself has changed it"


def test_a_drift_aware_change_set_puts_the_template_back_and_an_ordinary_one_sees_nothing(web):
    web.click(MaxSize=50)
    with pytest.raises(WaiterError, match="FAILED"):
        web.change(FULL)
    change = web.change(FULL, DeploymentMode="REVERT_DRIFT")
    changes = web.cloud.describe_change_set(ChangeSetName=change)["Changes"]
    assert [c["ResourceChange"]["LogicalResourceId"] for c in changes] == ["Group"] and web.group()["MaxSize"] == 50
    web.execute(change)
    assert web.group()["MaxSize"] == 20
    with pytest.raises(WaiterError, match="FAILED"):
        web.change(FULL, DeploymentMode="REVERT_DRIFT")
