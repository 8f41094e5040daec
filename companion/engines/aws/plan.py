"""What a notebook may make on real AWS, and what that costs an hour: shown before anything is made, and never exceeded.

The prices are AWS's public list prices on demand for us-east-1 and Linux, in US dollars, as of January 2026. Those of instances
(https://aws.amazon.com/ec2/pricing/on-demand/) were read off the table that Karpenter generated from AWS's price list on
2026-01-19. Those beside them were read second-hand, and are small: load balancers (.../elasticloadbalancing/pricing/), addresses
(.../vpc/pricing/), disks (.../ebs/pricing/), alarms and monitoring (.../cloudwatch/pricing/). No price is looked up while a
notebook runs: they may have changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from companion.errors import SettingError

AS_OF, REGION = "January 2026", "us-east-1"
_MONTH = 730.0  # hours, as AWS counts
#: dollars an hour for an instance
INSTANCES = {"t3.micro": 0.0104, "t3.small": 0.0208, "t3.medium": 0.0416, "c7i.large": 0.08925, "c7i.xlarge": 0.1785}
#: dollars an hour beside each: a public address, a disk of 10 GiB (gp3), seven metrics a minute (detailed monitoring)
BESIDE = 0.005 + 10 * 0.08 / _MONTH + 7 * 0.30 / _MONTH
#: dollars an hour for each resource, by CloudFormation's name of its kind; what costs only by use, or nothing, is 0
RESOURCES = {
    "AWS::AutoScaling::AutoScalingGroup": 0.0,
    "AWS::AutoScaling::ScalingPolicy": 2 * 0.10 / _MONTH,  # target tracking makes two alarms of its own
    "AWS::AutoScaling::ScheduledAction": 0.0,
    "AWS::CloudWatch::Alarm": 0.10 / _MONTH,
    "AWS::EC2::LaunchTemplate": 0.0,
    "AWS::EC2::SecurityGroup": 0.0,
    "AWS::ElasticLoadBalancingV2::Listener": 0.0,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": 0.0225 + 0.008,  # with one capacity unit
    "AWS::ElasticLoadBalancingV2::TargetGroup": 0.0,
    "AWS::IAM::InstanceProfile": 0.0,
    "AWS::IAM::Role": 0.0,
    "AWS::Logs::LogGroup": 0.0,
    "AWS::SNS::Topic": 0.0,
}


@dataclass(frozen=True)
class Plan:
    """The most that a notebook makes, all of it counted as if it stood at the same time.

    Attributes:
        resources: how many of each kind, by CloudFormation's name of the kind (``AWS::EC2::LaunchTemplate``).
        instances: the sum of the auto-scaling groups' maximum sizes.
        instance_type: the dearest that is launched.

    Raises:
        SettingError: a kind or an instance type whose price is not known here, or a number that is none.
    """

    resources: Mapping[str, int] = field(default_factory=dict)
    instances: int = 0
    instance_type: str = ""

    def __post_init__(self) -> None:
        for kind, number in self.resources.items():
            if kind not in RESOURCES:
                raise SettingError(
                    f"resources: the price of {kind} is not known; it stands in companion.engines.aws.plan."
                )
            _require_count(kind, number)
        _require_count("instances", self.instances)
        if self.instances and self.instance_type not in INSTANCES:
            raise SettingError(
                f"instance_type: the price of {self.instance_type!r} is not known; known are {', '.join(INSTANCES)}."
            )

    def __bool__(self) -> bool:
        """Whether anything is made at all."""
        return bool(self.instances or any(self.resources.values()))

    @property
    def per_hour(self) -> float:
        """List price in dollars an hour of all that is planned, at the maximum size."""
        return sum(price for _, price in self._lines())

    def admits(self, instance_type: str | None) -> bool:
        """Whether an instance of this type costs no more than the planned one."""
        planned = INSTANCES.get(self.instance_type, 0.0)
        return instance_type in INSTANCES and INSTANCES[instance_type] <= planned

    def _lines(self) -> list[tuple[str, float]]:
        lines = []
        if self.instances:
            each = INSTANCES[self.instance_type] + BESIDE
            name = f"{self.instances} instances of {self.instance_type}, each with a public address, a disk, monitoring"
            lines.append((name, self.instances * each))
        for kind, number in sorted(self.resources.items(), key=lambda item: (-RESOURCES[item[0]] * item[1], item[0])):
            if number:
                lines.append((f"{number} {kind}", number * RESOURCES[kind]))
        return lines

    def text(self, region: str) -> str:
        """What is shown: a line a kind with its price an hour, the sum, and what the sum leaves out."""
        lines = self._lines()
        width = max(len(name) for name, _ in lines)
        shown = [f"  {name:{width}}  ${price:9.4f} an hour" if price else f"  {name}" for name, price in lines]
        elsewhere = "" if region == REGION else f" This is {region}, where they differ."
        return "\n".join(
            [
                "At most this is made, and nothing else:",
                *shown,
                f"Together ${self.per_hour:.2f} an hour when every group is at its maximum size.",
                f"These are AWS's list prices on demand for {REGION} of {AS_OF}; they may have changed.{elsewhere}",
                "Not in them: traffic, logs, taxes, and the surplus CPU credits of t3 instances under load.",
            ]
        )


def _require_count(name: str, number: object) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise SettingError(f"{name}: must be a whole number of at least 0, got {number!r}")
