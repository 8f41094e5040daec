"""What moto's CloudFormation lacks of an auto-scaling template, added with moto's own parts (looked at in moto 5.2).

Scaling policies and alarms in a template are skipped by moto with a warning: here they go to the very stores that its
``put_scaling_policy`` and ``put_metric_alarm`` write to. A load balancer's and a target group's full names, which their
metrics go by, are the ends of their ARNs. An update of a group replaces it there, instances and all: here it
changes sizes and template in place, as AWS does, and with ``IgnoreUnmodifiedGroupSizeProperties`` it leaves alone the sizes that
the new template has not changed. Creating a group whose name is taken is an error here, too. Nothing scales, that is moto's (and this book's) limit.
Imported before the stand-in starts: moto collects its models when it first reads a template.
"""

from __future__ import annotations

from typing import Any

from moto.autoscaling import models as scaling_models
from moto.autoscaling.exceptions import AutoscalingClientError
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.cloudwatch import models as alarm_models
from moto.core.common_models import CloudFormationModel
from moto.elbv2 import models as balancer_models

# moto's annotations are narrower than what it takes, and its classes get methods here
_scaling: Any = scaling_models
_alarms: Any = alarm_models
_balancers: Any = balancer_models


class _Kept:
    """Create, replace under the same name, delete."""

    def __init__(self, name: str, physical_id: str):
        self.name, self._physical_id = name, physical_id

    @property
    def physical_resource_id(self) -> str:
        return self._physical_id

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        raise NotImplementedError

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        return cls.create_from_cloudformation_json(original_resource.name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        """Not called: ``delete`` is there."""


class ScalingPolicy(_Kept, CloudFormationModel):  # moto lists direct subclasses
    """``AWS::AutoScaling::ScalingPolicy``."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::AutoScaling::ScalingPolicy"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        of: dict[str, Any] = cloudformation_json["Properties"]
        policy = _scaling.autoscaling_backends[account_id][region_name].put_scaling_policy(
            name=resource_name,
            policy_type=of.get("PolicyType", "SimpleScaling"),
            metric_aggregation_type=of.get("MetricAggregationType"),
            adjustment_type=of.get("AdjustmentType"),
            as_name=of["AutoScalingGroupName"],
            min_adjustment_magnitude=_number(of.get("MinAdjustmentMagnitude")),
            scaling_adjustment=_number(of.get("ScalingAdjustment")),
            cooldown=_number(of.get("Cooldown")),
            target_tracking_config=_tracking(of.get("TargetTrackingConfiguration", {})),
            step_adjustments=of.get("StepAdjustments", []),
            estimated_instance_warmup=_number(of.get("EstimatedInstanceWarmup")),
            predictive_scaling_configuration={},
        )
        return cls(resource_name, policy.arn)

    def delete(self, account_id: str, region_name: str) -> None:
        _scaling.autoscaling_backends[account_id][region_name].policies.pop(self.name, None)


class MetricAlarm(_Kept, CloudFormationModel):
    """``AWS::CloudWatch::Alarm``."""

    @staticmethod
    def cloudformation_name_type() -> str:
        return "AlarmName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::CloudWatch::Alarm"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        of: dict[str, Any] = cloudformation_json["Properties"]
        _alarms.cloudwatch_backends[account_id][region_name].put_metric_alarm(
            name=resource_name,
            namespace=of.get("Namespace"),
            metric_name=of.get("MetricName"),
            comparison_operator=of["ComparisonOperator"],
            evaluation_periods=_number(of["EvaluationPeriods"]),
            datapoints_to_alarm=_number(of.get("DatapointsToAlarm")),
            period=_number(of.get("Period")),
            threshold=float(of["Threshold"]),
            statistic=of.get("Statistic"),
            description=of.get("AlarmDescription"),
            dimensions=of.get("Dimensions", []),
            alarm_actions=of.get("AlarmActions", []),
            treat_missing_data=of.get("TreatMissingData"),
        )
        return cls(resource_name, resource_name)

    def delete(self, account_id: str, region_name: str) -> None:
        _alarms.cloudwatch_backends[account_id][region_name].alarms.pop(self.name, None)


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _tracking(settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "TargetValue": float(settings["TargetValue"])} if settings else {}


_SIZES = ("MinSize", "MaxSize", "DesiredCapacity")


def _sizes(cloudformation_json: Any) -> dict[str, int | None]:
    return {key: _number(cloudformation_json["Properties"].get(key)) for key in _SIZES}


def _sizes_to_set(group: Any, cloudformation_json: Any) -> dict[str, int | None]:
    """The template's sizes; None for what stays as it is."""
    policy = (cloudformation_json.get("UpdatePolicy") or {}).get("AutoScalingScheduledAction") or {}
    keeps = str(policy.get("IgnoreUnmodifiedGroupSizeProperties", False)).lower() == "true"
    before = getattr(group, "sizes_in_template", {}) if keeps else {}
    return {key: None if before.get(key) == size else size for key, size in _sizes(cloudformation_json).items()}


_create_group_of_template = _scaling.FakeAutoScalingGroup.create_from_cloudformation_json.__func__


def _create_and_remember(
    cls: Any, resource_name: str, cloudformation_json: Any, *arguments: Any, **options: Any
) -> Any:
    group = _create_group_of_template(cls, resource_name, cloudformation_json, *arguments, **options)
    group.sizes_in_template = _sizes(cloudformation_json)
    return group


def _update_in_place(
    cls: Any,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    of: dict[str, Any] = cloudformation_json["Properties"]
    sizes = _sizes_to_set(original_resource, cloudformation_json)
    group = _scaling.autoscaling_backends[account_id][region_name].update_auto_scaling_group(
        name=original_resource.name,
        availability_zones=of.get("AvailabilityZones", []),
        desired_capacity=sizes["DesiredCapacity"],
        max_size=sizes["MaxSize"],
        min_size=sizes["MinSize"],
        launch_config_name=of.get("LaunchConfigurationName"),
        launch_template=of.get("LaunchTemplate", {}),
        vpc_zone_identifier=",".join(of.get("VPCZoneIdentifier", [])),
        health_check_period=_number(of.get("HealthCheckGracePeriod")),
        health_check_type=of.get("HealthCheckType"),
    )
    group.sizes_in_template = _sizes(cloudformation_json)
    return group


class _NameTaken(AutoscalingClientError):
    code = "AlreadyExists"
    message = "AutoScalingGroup by this name already exists"


_create_group = _scaling.AutoScalingBackend.create_auto_scaling_group


def _create_new_group(self: Any, name: str, *arguments: Any, **options: Any) -> Any:
    if name in self.autoscaling_groups:
        raise _NameTaken
    return _create_group(self, name, *arguments, **options)


def _delete_action(self: Any, account_id: str, region_name: str) -> None:
    _scaling.autoscaling_backends[account_id][region_name].scheduled_actions.pop(self.scheduled_action_name, None)


_scaling.AutoScalingBackend.create_auto_scaling_group = _create_new_group
_scaling.FakeScheduledAction.physical_resource_id = property(lambda self: self.scheduled_action_name)
_scaling.FakeScheduledAction.delete = _delete_action
_scaling.FakeAutoScalingGroup.create_from_cloudformation_json = classmethod(_create_and_remember)
_scaling.FakeAutoScalingGroup.update_from_cloudformation_json = classmethod(_update_in_place)


_load_balancer_attribute = _balancers.FakeLoadBalancer.get_cfn_attribute


def _of_load_balancer(self: Any, attribute_name: str) -> Any:
    if attribute_name == "LoadBalancerFullName":
        return self.arn.partition(":loadbalancer/")[2]
    return _load_balancer_attribute(self, attribute_name)


def _of_target_group(self: Any, attribute_name: str) -> Any:
    if attribute_name == "TargetGroupFullName":
        return "targetgroup/" + self.arn.partition(":targetgroup/")[2]
    if attribute_name == "TargetGroupName":
        return self.name
    raise UnformattedGetAttTemplateException


_balancers.FakeLoadBalancer.get_cfn_attribute = _of_load_balancer
_balancers.FakeTargetGroup.get_cfn_attribute = _of_target_group
