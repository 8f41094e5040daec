"""Before real AWS is touched: what is planned and its price are shown, somebody has to agree, and nothing beyond the plan is sent.

The account is moto's, at this process' embedded stand-in; boto3's own variables lead the reader's session there.
"""

import json
from types import SimpleNamespace

import aws_account
import nbformat
import pytest
import requests
from nbclient import NotebookClient

from companion import checkout
from companion.engines import aws
from companion.engines.aws import plan as prices
from companion.errors import EngineUnavailable, SettingError
from companion.processes import kernels

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")
ACCOUNT = "123456789012"
GROUP, TEMPLATE, POLICY = (
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::EC2::LaunchTemplate",
    "AWS::AutoScaling::ScalingPolicy",
)
BALANCER, TOPIC = "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::SNS::Topic"
SMALL = aws.Plan({GROUP: 2, TEMPLATE: 1, POLICY: 1}, instances=5, instance_type="t3.small")


@pytest.fixture(autouse=True)
def empty_account():
    """Other tests of this process have used the same stand-in: what they left is none of this module's business."""
    requests.post(f"{aws._embedded_endpoint()}/moto-api/reset", timeout=30).raise_for_status()


# What it says


def test_the_price_is_that_of_every_part_at_its_maximum():
    plan = aws.Plan({GROUP: 1, BALANCER: 2}, instances=10, instance_type="t3.small")
    month = 730
    each = 0.0208 + 0.005 + 10 * 0.08 / month + 7 * 0.30 / month
    assert plan.per_hour == pytest.approx(10 * each + 2 * (0.0225 + 0.008))
    assert aws.Plan({GROUP: 3}).per_hour == 0 and not aws.Plan() and not aws.Plan({GROUP: 0}) and aws.Plan({GROUP: 1})


def test_the_text_has_every_kind_the_type_the_sum_and_what_kind_of_price_it_is():
    plan = aws.Plan({GROUP: 1, BALANCER: 2, TOPIC: 0}, instances=10, instance_type="t3.small")
    text = plan.text("us-east-1")
    assert "10 instances of t3.small" in text and f"2 {BALANCER}" in text and f"1 {GROUP}" in text and TOPIC not in text
    assert f"Together ${plan.per_hour:.2f} an hour" in text and "list prices on demand for us-east-1" in text
    assert prices.AS_OF in text and "may have changed" in text and "where they differ" not in text
    assert "This is eu-west-1, where they differ." in plan.text("eu-west-1")


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"resources": {"AWS::EC2::Instance": 1}}, "resources: the price of AWS::EC2::Instance is not known"),
        ({"resources": {GROUP: -1}}, "must be a whole number of at least 0, got -1"),
        ({"resources": {GROUP: True}}, "got True"),
        ({"instances": 1.5, "instance_type": "t3.small"}, "instances: must be a whole number"),
        ({"instances": 1}, "instance_type: the price of '' is not known"),
        ({"instances": 1, "instance_type": "p5.48xlarge"}, "the price of 'p5.48xlarge' is not known; known are t3.micro"),
    ],
)  # fmt: skip
def test_a_plan_without_a_price_is_refused(plan, message):
    with pytest.raises(SettingError, match=message):
        aws.Plan(**plan)


def test_what_the_templates_may_launch_has_a_price():
    from companion.configs import cloudformation

    for name in ("minimal", "full"):
        template = cloudformation.load((checkout.folder("cloudformation") / f"{name}.yaml").read_text())
        assert set(template["Parameters"]["InstanceType"]["AllowedValues"]) <= set(prices.INSTANCES)
        assert {resource["Type"] for resource in template["Resources"].values()} <= set(prices.RESOURCES)


# Who agrees


@pytest.fixture
def account(monkeypatch, tmp_path):
    """A reader's account at the stand-in; every other address ends at a dead proxy. Returns a session to look around in it."""
    session = aws.connect(own=True)
    address = session.client("sts").meta.endpoint_url
    aws_account.name(ACCOUNT, address, "", tmp_path, monkeypatch)
    watched = []
    monkeypatch.setattr(aws, "_remove_at_the_end", watched.append)
    yield SimpleNamespace(session=session, watched=watched)
    aws.clean_up(session)


def test_the_last_four_digits_are_agreement(account, monkeypatch, capsys):
    aws_account.answers(" 9012 \n", monkeypatch)
    session = aws.connect(plan=SMALL)
    assert session.client("sts").get_caller_identity()["Account"] == ACCOUNT and account.watched == [ACCOUNT]
    said = capsys.readouterr().out
    assert (
        said.index("REAL AWS: account 123456789012")
        < said.index("At most this is made")
        < said.index("Type the last four digits")
    )
    assert "5 instances of t3.small" in said and f"${SMALL.per_hour:.2f} an hour" in said


@pytest.mark.parametrize("answer", ["yes\n", "\n", "1234\n", "123456789012\n", "012\n"])
def test_any_other_answer_stops_before_anything_is_made(account, monkeypatch, answer):
    aws_account.answers(answer, monkeypatch)
    with pytest.raises(EngineUnavailable, match=r"not the last four digits of the account\. Nothing was made"):
        aws.connect(plan=SMALL)
    assert account.watched == []


def test_where_nobody_can_be_asked_nothing_is_made(account, monkeypatch):
    aws_account.answers("", monkeypatch)
    with pytest.raises(EngineUnavailable, match=r"nobody can be asked here\. Nothing was made\. Run this where"):
        aws.connect(plan=SMALL)
    assert account.watched == []


def test_a_kernel_that_may_not_ask_is_refused(account):
    """As nbval, nbclient and ``jupyter execute`` run a notebook: no front end answers."""
    cell = nbformat.v4.new_code_cell(
        "from companion.engines import aws\n"
        "try:\n"
        f"    aws.connect(plan=aws.Plan({{'{GROUP}': 1}}))\n"
        "except aws.EngineUnavailable as error:\n"
        "    print('refused:', error)\n"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, timeout=120, kernel_name="python3", kernel_manager_class=kernels.Manager).execute()
    assert "refused: real AWS costs money, and nobody can be asked here. Nothing was made." in cell.outputs[-1].text


def test_without_a_plan_nothing_is_asked_and_nothing_can_be_made(account, monkeypatch, capsys):
    aws_account.answers("", monkeypatch)
    session = aws.connect()
    assert "no plan: nothing can be made" in capsys.readouterr().out
    assert session.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []
    with pytest.raises(EngineUnavailable, match="the plan's dearest instance is none"):
        launch(session)


# What is sent


@pytest.fixture
def fenced(account, monkeypatch):
    aws_account.answers("9012\n", monkeypatch)
    return aws.connect(plan=SMALL)


TAGS = [{"Key": key, "Value": value} for key, value in aws.TAGS.items()]


def launch(session, name: str = "web", **data) -> None:
    session.client("ec2").create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": "ami-12345678", "InstanceType": "t3.small", **data},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": TAGS}],
    )


def group(session, name: str = "one", size: int = 2, **more) -> None:
    if not {"LaunchTemplate", "MixedInstancesPolicy", "LaunchConfigurationName", "InstanceId"} & set(more):
        more["LaunchTemplate"] = {"LaunchTemplateName": "web", "Version": "$Latest"}
    session.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=name, MinSize=0, MaxSize=size, AvailabilityZones=["us-east-1a"], Tags=TAGS, **more
    )


def stack(session, resources: dict, **more) -> None:
    body = json.dumps({"Resources": resources})
    session.client("cloudformation").create_stack(**{"StackName": "shop", "TemplateBody": body, "Tags": TAGS, **more})


def stops(message: str):
    return pytest.raises(EngineUnavailable, match=rf"was stopped: .*{message}.*The call was not sent")


def test_what_the_plan_has_is_made(fenced, account):
    launch(fenced)
    group(fenced, "one", 2)
    group(fenced, "two", 3)
    found = account.session.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert {one["AutoScalingGroupName"]: one["MaxSize"] for one in found} == {"one": 2, "two": 3}


def test_a_kind_that_the_plan_does_not_have_is_stopped(fenced, account):
    with stops("no plan allows it"):
        fenced.client("s3").create_bucket(Bucket="book")
    with stops("no plan allows it"):
        fenced.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)
    with stops("no plan allows it"):
        fenced.resource("ec2").create_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)
    with stops("no plan allows it"):
        fenced.client("cloudwatch").put_metric_data(Namespace="Mine", MetricData=[{"MetricName": "a", "Value": 1}])
    with stops(f"the plan has 0 of {TOPIC}"):
        stack(fenced, {"Alerts": {"Type": TOPIC}})
    assert account.session.client("s3").list_buckets()["Buckets"] == []
    assert account.session.client("ec2").describe_instances()["Reservations"] == []
    assert account.session.client("cloudformation").list_stacks()["StackSummaries"] == []


def test_one_more_than_planned_is_stopped_and_the_same_name_again_is_not(fenced):
    launch(fenced)
    group(fenced, "one", 1)
    group(fenced, "two", 1)
    with stops(f"the plan has 2 of {GROUP}"):
        group(fenced, "three", 0)
    scaling = fenced.client("autoscaling")
    with pytest.raises(scaling.exceptions.AlreadyExistsFault):
        group(fenced, "two", 1)
    scaling.delete_auto_scaling_group(AutoScalingGroupName="two", ForceDelete=True)
    with stops("the plan has 2"):  # what was deleted still counts
        group(fenced, "three", 0)
    group(fenced, "two", 1)


def test_more_instances_than_planned_are_stopped_however_they_are_asked_for(fenced):
    launch(fenced)
    group(fenced, "one", 2)
    with stops("the plan has 5 instances, with this it would be 6"):
        group(fenced, "two", 4)
    scaling = fenced.client("autoscaling")
    scaling.update_auto_scaling_group(AutoScalingGroupName="one", MaxSize=5)
    with stops("with this it would be 6"):
        scaling.update_auto_scaling_group(AutoScalingGroupName="one", MaxSize=6)
    scaling.update_auto_scaling_group(AutoScalingGroupName="one", MaxSize=1)
    with stops("with this it would be 6"):  # it may have had them already
        group(fenced, "two", 1)
    with stops("may not change a group's maximum"):
        scaling.put_scheduled_update_group_action(AutoScalingGroupName="one", ScheduledActionName="up", MaxSize=9)
    with stops("no plan allows it"):
        scaling.set_desired_capacity(AutoScalingGroupName="one", DesiredCapacity=1)


def test_a_dearer_instance_is_stopped_and_a_cheaper_one_is_not(fenced):
    for bad in ("t3.medium", "p5.48xlarge"):
        with stops(f"it launches {bad}, the plan's dearest instance is t3.small"):
            launch(fenced, InstanceType=bad)
    with stops("it launches None"):
        fenced.client("ec2").create_launch_template(
            LaunchTemplateName="web", LaunchTemplateData={"InstanceRequirements": {"VCpuCount": {"Min": 64}, "MemoryMiB": {"Min": 1}}}
        )  # fmt: skip
    launch(fenced, InstanceType="t3.micro")
    with stops("t3.medium"):
        fenced.client("ec2").create_launch_template_version(
            LaunchTemplateName="web", LaunchTemplateData={"InstanceType": "t3.medium"}
        )
    with stops(f"the plan has 1 of {TEMPLATE}"):
        launch(fenced, "another")


def test_groups_launch_only_from_what_was_looked_at(fenced):
    launch(fenced)
    for way in (
        {"LaunchConfigurationName": "old"},
        {"InstanceId": "i-1"},
        {"MixedInstancesPolicy": {}},
        {"LaunchTemplate": {"LaunchTemplateName": "the-readers-own"}},
        {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}},
    ):
        with stops("must launch from a launch template, by name, that this notebook made"):
            group(fenced, **way)
    group(fenced)
    with stops("must launch from"):
        fenced.client("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName="one", LaunchTemplate={"LaunchTemplateName": "the-readers-own"}
        )


def test_the_readers_own_group_is_not_touched(fenced, account):
    launch(account.session)
    group(account.session, "precious", 1)
    scaling = fenced.client("autoscaling")
    policy = {
        "PolicyName": "cpu",
        "PolicyType": "SimpleScaling",
        "AdjustmentType": "ExactCapacity",
        "ScalingAdjustment": 1,
    }
    for call in (
        lambda: scaling.update_auto_scaling_group(AutoScalingGroupName="precious", MaxSize=1),
        lambda: scaling.put_scaling_policy(AutoScalingGroupName="precious", **policy),
        lambda: scaling.put_scheduled_update_group_action(AutoScalingGroupName="precious", ScheduledActionName="a"),
    ):
        with stops("the group precious was not made by this notebook"):
            call()


MACHINE = {"Type": TEMPLATE, "Properties": {"LaunchTemplateData": {"InstanceType": {"Ref": "Size"}}}}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"Parameters": [{"ParameterKey": "Most", "ParameterValue": "6"}]}, "with this it would be 6"),
        ({"Parameters": [{"ParameterKey": "Most", "UsePreviousValue": True}]}, "can't be read off None"),
        ({"Parameters": [{"ParameterKey": "Size", "ParameterValue": "c7i.large"}]}, "it launches c7i.large"),
        ({"TemplateBody": "Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: 'AWS::SNS::Topic'}}"}, "plain TemplateBody"),
        ({"TemplateBody": "{"}, "plain TemplateBody"),
        ({"TemplateBody": None, "TemplateURL": "https://example.com/a.yaml"}, "plain TemplateBody"),
    ],
)  # fmt: skip
def test_a_template_is_read_with_its_parameters(fenced, account, more, message):
    body = {
        "Parameters": {
            "Most": {"Type": "Number", "Default": 3},
            "Size": {"Type": "String", "Default": "t3.micro"},
        },
        "Resources": {
            "Machine": MACHINE,
            "Fleet": {"Type": GROUP, "Properties": {"MinSize": 0, "MaxSize": {"Ref": "Most"}}},
        },
    }
    asked = {"TemplateBody": json.dumps(body), **more}
    asked = {key: value for key, value in asked.items() if value is not None}
    for call, named in (("create_stack", {}), ("create_change_set", {"ChangeSetName": "a"})):
        with stops(message):
            getattr(fenced.client("cloudformation"), call)(StackName="shop", **named, **asked)
    assert account.session.client("cloudformation").list_stacks()["StackSummaries"] == []


def test_a_second_connect_does_not_count_anew(fenced, monkeypatch):
    launch(fenced)
    group(fenced, "one", 2)
    aws_account.answers("9012\n", monkeypatch)
    again = aws.connect(plan=SMALL)
    again.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="one", MaxSize=3)
    with stops("with this it would be 6"):
        group(again, "two", 3)
