"""The templates: clean, safe, deployable to the stand-in; and a broken one gets one clear error with its path."""

import re

import pytest

from companion import checkout
from companion.configs.cloudformation import check, faults, load, scaling
from companion.engines import aws
from companion.errors import SettingError
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


def test_parameters_can_contradict_each_other_too():
    check(MINIMAL, MinSize=8)
    with pytest.raises(SettingError, match="MinSize: 10 is above MaxSize, which is 8"):
        check(MINIMAL, MinSize=10)
    with pytest.raises(SettingError, match="Parameters: the template has no Minimum"):
        scaling(MINIMAL, Minimum=3)
    with pytest.raises(SettingError, match=r"exactly one .*AutoScalingGroup is needed, found 0"):
        scaling("Resources:\n  A:\n    Type: AWS::SNS::Topic\n")


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
