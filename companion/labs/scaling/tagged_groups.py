"""Auto-scaling groups of size zero that carry given tags: something to look for, which costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from companion.engines import aws

if TYPE_CHECKING:
    from boto3 import Session


def make(session: Session, groups: Mapping[str, Mapping[str, str]]) -> None:
    """A group for each name with its tags and this run's own (``aws.TAGS``); one that is there already is left as it is.

    Args:
        groups: tags by name.
    """
    ec2, scaling = session.client("ec2"), session.client("autoscaling")
    template = f"{aws.PROJECT}-{aws.TAGS['Run']}-groups"
    own = [{"Key": key, "Value": value} for key, value in aws.TAGS.items()]
    with suppress(ec2.exceptions.ClientError):  # it is there already; what else is wrong the groups will say
        ec2.create_launch_template(
            LaunchTemplateName=template,
            LaunchTemplateData={
                "ImageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
                "InstanceType": "t3.small",
            },
            TagSpecifications=[{"ResourceType": "launch-template", "Tags": own}],
        )
    zone = ec2.describe_availability_zones()["AvailabilityZones"][0]["ZoneName"]
    for name, tags in groups.items():
        with suppress(scaling.exceptions.AlreadyExistsFault):
            scaling.create_auto_scaling_group(
                AutoScalingGroupName=name,
                MinSize=0,
                MaxSize=0,
                LaunchTemplate={"LaunchTemplateName": template, "Version": "$Latest"},
                AvailabilityZones=[zone],
                Tags=[
                    {"Key": key, "Value": value, "PropagateAtLaunch": False}
                    for key, value in {**tags, **aws.TAGS}.items()
                ],
            )


def paged(session: Session, size: int) -> Any:
    """An Auto Scaling client whose service gives at most ``size`` groups or tags a page, whatever it is asked for.

    Moto gives all tags at once; they are cut into pages here, as the service cuts them.
    """
    client = session.client("autoscaling")
    own = "tags from "

    def fewer(params: Mapping[str, Any], context: dict[str, Any], **_: object) -> dict[str, Any]:
        asked = {**params, "MaxRecords": min(size, params.get("MaxRecords", size))}
        if str(asked.get("NextToken")).startswith(own):
            context["begin"] = int(asked.pop("NextToken").removeprefix(own))
        return asked

    def cut(parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        tags, begin = parsed.get("Tags", []), context.get("begin", 0)
        parsed["Tags"] = tags[begin : begin + size]
        if begin + size < len(tags):
            parsed["NextToken"] = f"{own}{begin + size}"

    for call in ("DescribeAutoScalingGroups", "DescribeTags"):
        client.meta.events.register(f"provide-client-params.auto-scaling.{call}", fewer)
    client.meta.events.register("after-call.auto-scaling.DescribeTags", cut)
    return client
