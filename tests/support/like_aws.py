"""An AWS endpoint in a process of its own that is not the embedded stand-in: run it, and it prints its address.

usage: python like_aws.py [--plain]

It is moto with what ``companion.engines.aws`` adds, for without that it has no rollback and no policies in templates. But where AWS
may answer otherwise than the stand-in, it does: another account, instances that are pending first, stacks in progress first,
lists that lag behind a change, names that AWS makes up, a warm-up that is kept, roles that nobody asked for, instances that are
replaced, and no metrics under AWS's own name. ``--plain`` is moto alone, as ``moto_server`` starts it.
"""

import copy
import os
import sys
import time
from collections import Counter

os.environ["MOTO_ACCOUNT_ID"] = "111122223333"

from moto.autoscaling import models as scaling
from moto.autoscaling.responses import AutoScalingResponse
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudwatch.exceptions import InvalidParameterValue
from moto.cloudwatch.models import CloudWatchBackend
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.iam.models import iam_backends
from moto.server import ThreadedMotoServer

#: seconds that a deleted group is still listed as if nothing were, and then as being deleted
LAG = 1.0
warmups: dict[str, int] = {}
seen: Counter = Counter()
deleted: dict[str, tuple[float, object]] = {}


def after(owner, name):
    """Replace a method by ``function(method, self, ...)``."""

    def decorate(function):
        method = getattr(owner, name)
        setattr(owner, name, lambda self, *args, **options: function(method, self, *args, **options))

    return decorate


def shown(group):
    """A group as it is described: its warm-up, and pending instances the first three times."""
    one = copy.copy(group)
    one.default_instance_warmup = warmups.get(group.name)
    if seen[group.name] < 3:
        one.instance_states = [copy.copy(state) for state in group.instance_states]
        for state in one.instance_states:
            state.lifecycle_state = "Pending"
    return one


def replace_one(group) -> None:
    """An instance is found unhealthy, and another one comes."""
    if size := group.desired_capacity:
        group.set_desired_capacity(size - 1)
        group.set_desired_capacity(size)


def differ() -> None:
    """Answer otherwise than the stand-in, wherever AWS may."""
    from companion.engines.aws import moto_changes as _moto_changes  # noqa: F401
    from companion.engines.aws import moto_gaps as _moto_gaps  # noqa: F401

    @after(CloudWatchBackend, "put_metric_data")
    def refuse(method, self, namespace, data):
        if namespace.startswith("AWS/"):
            raise InvalidParameterValue(f"The value {namespace} for parameter Namespace is invalid.")
        return method(self, namespace, data)

    @after(AutoScalingResponse, "create_auto_scaling_group")
    def create(method, self):
        if warmup := self._get_int_param("DefaultInstanceWarmup"):
            warmups[self._get_param("AutoScalingGroupName")] = warmup
        return method(self)

    of_template = scaling.FakeAutoScalingGroup.create_from_cloudformation_json.__func__

    def create_from_template(cls, name, body, account_id, *args, **options):
        group = of_template(cls, name, body, account_id, *args, **options)
        warmups[group.name] = int(body["Properties"]["DefaultInstanceWarmup"])
        return group

    update_of_template = scaling.FakeAutoScalingGroup.update_from_cloudformation_json.__func__

    def update_from_template(cls, *args, **options):
        group = update_of_template(cls, *args, **options)
        replace_one(group)
        return group

    scaling.FakeAutoScalingGroup.create_from_cloudformation_json = classmethod(create_from_template)
    scaling.FakeAutoScalingGroup.update_from_cloudformation_json = classmethod(update_from_template)

    @after(AutoScalingResponse, "describe_auto_scaling_groups")
    def describe(method, self):
        result = method(self).result
        for group in result["AutoScalingGroups"]:
            seen[group.name] += bool(self._get_param("AutoScalingGroupNames", []))
        result["AutoScalingGroups"] = [shown(group) for group in result["AutoScalingGroups"]]
        if not result["NextToken"] and not self._get_param("AutoScalingGroupNames", []):
            for when, group in deleted.values():
                if (age := time.monotonic() - when) < 2 * LAG:
                    ghost = copy.copy(group)
                    if age > LAG:
                        ghost.status = "Delete in progress"
                    result["AutoScalingGroups"].append(ghost)
        return ActionResult(result)

    @after(AutoScalingResponse, "delete_auto_scaling_group")
    def delete(method, self):
        name = self._get_param("AutoScalingGroupName")
        if name in deleted:
            return EmptyResult()
        deleted[name] = (time.monotonic(), copy.copy(self.autoscaling_backend.autoscaling_groups[name]))
        return method(self)

    @after(AutoScalingResponse, "describe_policies")
    def policies(method, self):
        result = method(self).result
        result["ScalingPolicies"] = [copy.copy(policy) for policy in result["ScalingPolicies"]][::-1]
        for policy in result["ScalingPolicies"]:
            if "-Group-" in policy.auto_scaling_group_name:  # of a template: the name is AWS's
                policy.policy_name = f"web-{policy.name}-1X2Y3Z"
        return ActionResult(result)

    @after(AutoScalingResponse, "describe_scheduled_actions")
    def actions(method, self):
        result = method(self).result
        result["ScheduledUpdateGroupActions"] = [copy.copy(a) for a in result["ScheduledUpdateGroupActions"]][::-1]
        for action in result["ScheduledUpdateGroupActions"]:
            action.scheduled_action_name = f"web-{action.scheduled_action_name}-4A5B6C"
        return ActionResult(result)

    @after(CloudFormationResponse, "create_stack")
    def create_stack(method, self):
        seen["roles"] += 1
        role = f"AWSServiceRoleForSomething_{seen['roles']}"
        iam_backends[self.current_account]["aws"].create_role(role, "{}", "/aws-service-role/", None, "", [], None)
        return method(self)

    @after(CloudFormationResponse, "describe_stacks")
    def stacks(method, self):
        result = method(self).result
        for place, stack in enumerate(result["Stacks"]):
            state = f"{stack.stack_id} {stack.status} {len(stack.events)}"
            if not seen[state] and stack.status.endswith("_COMPLETE"):
                result["Stacks"][place] = copy.copy(stack)
                result["Stacks"][place].status = stack.status.replace("COMPLETE", "IN_PROGRESS")
            seen[state] += 1
        return ActionResult(result)

    @after(LaunchTemplates, "describe_launch_template_versions")
    def versions(method, self):
        result = method(self).result
        (*_, latest) = result["LaunchTemplateVersions"]
        state = f"{latest['LaunchTemplateId']} {latest['VersionNumber']}"
        if self._get_param("Versions", []) == ["$Latest"] and latest["VersionNumber"] > 1 and not seen[state]:
            template = self.ec2_backend.get_launch_template_by_name(latest["LaunchTemplateName"])
            before = template.versions[-2]
            latest |= {
                "LaunchTemplateData": before.data,
                "VersionDescription": before.description,
                "VersionNumber": before.number,
            }
            seen[state] += 1
        data = copy.deepcopy(latest["LaunchTemplateData"])
        data["MetadataOptions"]["State"] = "applied"  # AWS may add to what it was given
        latest["LaunchTemplateData"] = data
        return ActionResult(result)


if __name__ == "__main__":
    if "--plain" not in sys.argv:
        differ()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    sys.stdin.read()  # until the test closes it, or is gone
    server.stop()
