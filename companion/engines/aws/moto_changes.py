"""All or nothing: what moto's CloudFormation lacks when a change fails half-way, added with moto's own parts (looked at in moto 5.2).

AWS answers ``ExecuteChangeSet`` and ``CreateStack`` at once and works afterwards. When a resource fails, an update goes back to
the template before (``UPDATE_ROLLBACK_COMPLETE``), a creation takes away all that it made (``ROLLBACK_COMPLETE``), the events name
the resource and the reason, and the change set can't be executed again. moto raises the error in the call itself, stops where
it is, and a second execution of the same change set "succeeds": here it does as AWS does.

``DeploymentMode=REVERT_DRIFT`` is filled in for one kind: an auto-scaling group's sizes and health check are compared with
the template and set again. Drift of other resources is not seen here. (AWS, *CloudFormation User Guide: Using drift-aware change sets*, 2025.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudformation import models, parsing, responses
from moto.cloudformation.exceptions import CloudFormationError

# moto's annotations are narrower than what it takes, and its classes get methods here
_models: Any = models
_parsing: Any = parsing
_responses: Any = responses

_GROUP = "AWS::AutoScaling::AutoScalingGroup"
#: of a group: its name in a template, and moto's for what is there
_COMPARED = {
    "MinSize": "min_size",
    "MaxSize": "max_size",
    "HealthCheckType": "health_check_type",
    "HealthCheckGracePeriod": "health_check_grace_period",
}


class _NotExecutable(CloudFormationError):
    code = "InvalidChangeSetStatus"

    def __init__(self, change_set: Any):
        super().__init__(
            f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current execution status of [{change_set.execution_status}]"
        )


def _named(function: Callable[..., Any]) -> Callable[..., Any]:
    """An error that remembers which resource of the template it is about."""

    def called(logical_id: str, *arguments: Any, **options: Any) -> Any:
        try:
            return function(logical_id, *arguments, **options)
        except Exception as error:
            if not hasattr(error, "failed_resource"):
                error.failed_resource = logical_id  # type: ignore[attr-defined]
            raise

    return called


_parsing.parse_and_create_resource = _named(_parsing.parse_and_create_resource)
_parsing.parse_and_update_resource = _named(_parsing.parse_and_update_resource)


def _failed(stack: Any, action: str, error: Exception) -> None:
    """The events of a failure: which resource and why, and that the way back begins."""
    name = getattr(error, "failed_resource", stack.name)
    kind = stack.resource_map._resource_json_map.get(name, {}).get("Type", "AWS::CloudFormation::Stack")
    reason = str(getattr(error, "message", None) or error)
    event = _models.Event(stack.stack_id, stack.name, name, "", kind, f"{action}_FAILED", reason, None)
    stack.events.append(event)
    way_back = "ROLLBACK_IN_PROGRESS" if action == "CREATE" else "UPDATE_ROLLBACK_IN_PROGRESS"
    stack._add_stack_event(way_back, resource_status_reason=f"The following resource(s) failed: [{name}].")


def _came_back(stack: Any, status: str) -> None:
    stack.status = status
    stack._add_stack_event(status)


# An update

_execute = _models.CloudFormationBackend.execute_change_set


def _execute_or_go_back(self: Any, change_set_name: str, stack_name: str | None = None) -> None:
    change_set = self.describe_change_set(change_set_name)
    if change_set.execution_status != "AVAILABLE":
        raise _NotExecutable(change_set)
    stack = self.stacks[change_set.stack_id]
    before, parameters = stack.resource_map._template, dict(stack.resource_map.input_parameters)
    try:
        _execute(self, change_set_name, stack_name)
        for name in getattr(change_set, "drifted", ()):
            _set_again(stack, name)
    except Exception as error:
        change_set.execution_status = "EXECUTE_FAILED"
        if change_set.change_set_type != "UPDATE":
            raise
        _failed(stack, "UPDATE", error)
        stack.resource_map.update(before, parameters)
        _came_back(stack, "UPDATE_ROLLBACK_COMPLETE")


# A creation

_create = _models.CloudFormationBackend.create_stack


def _create_or_go_back(self: Any, name: str, *arguments: Any, **options: Any) -> Any:
    try:
        return _create(self, name, *arguments, **options)
    except Exception as error:
        stack = next((s for s in self.stacks.values() if s.name == name and s.status == "CREATE_IN_PROGRESS"), None)
        if stack is None:  # refused before anything was begun
            raise
        _failed(stack, "CREATE", error)
        stack.resource_map.delete()
        # moto makes what a stack's outputs ask for: of this one nothing is left to ask for
        stack.template_dict = {"Resources": {}}
        stack.resource_map = stack._create_resource_map()
        stack.output_map = stack._create_output_map()
        _came_back(stack, "ROLLBACK_COMPLETE")
        return stack


# Drift

_create_change_set = _responses.CloudFormationResponse.create_change_set


def _create_change_set_aware_of_drift(self: Any) -> Any:
    answer = _create_change_set(self)
    if self._get_param("DeploymentMode") == "REVERT_DRIFT":
        change_set = self.cloudformation_backend.describe_change_set(answer.result["Id"])
        change_set.drifted = _drifted(change_set)
        known = {change.logical_resource_id for change in change_set.changes}
        change_set.changes += [_models.Change("Modify", n, _GROUP) for n in change_set.drifted if n not in known]
        if change_set.drifted:
            change_set.status, change_set.execution_status, change_set.status_reason = (
                "CREATE_COMPLETE",
                "AVAILABLE",
                None,
            )
    return answer


def _drifted(change_set: Any) -> list[str]:
    """Groups of the stack that are not as the new template says."""
    found, there = [], change_set.stack.resource_map
    for name, resource in change_set.template_dict["Resources"].items():
        if resource["Type"] == _GROUP and name in there:
            meant = _parsing.clean_json(resource.get("Properties", {}), there)
            actual = {key: getattr(there[name], attribute) for key, attribute in _COMPARED.items()}
            if any(key in meant and str(meant[key]) != str(value) for key, value in actual.items()):
                found.append(name)
    return found


def _set_again(stack: Any, name: str) -> None:
    there = stack.resource_map
    resource = there._resource_json_map[name]
    there[name].sizes_in_template = {}  # nothing is left alone
    _parsing.parse_and_update_resource(
        name, resource, there, account_id=there._account_id, region_name=there._region_name
    )


_models.CloudFormationBackend.execute_change_set = _execute_or_go_back
_models.CloudFormationBackend.create_stack = _create_or_go_back
_responses.CloudFormationResponse.create_change_set = _create_change_set_aware_of_drift
