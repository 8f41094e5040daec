"""A fence around a session on real AWS: whoever pays is asked first, and what is made stays within the plan.

It guards against a cell that makes more than was shown, not against somebody who wants around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from companion.engines.aws.plan import Plan
from companion.errors import EngineUnavailable

if TYPE_CHECKING:
    from boto3 import Session

_GROUP, _POLICY = "AWS::AutoScaling::AutoScalingGroup", "AWS::AutoScaling::ScalingPolicy"
_ACTION, _MACHINE = "AWS::AutoScaling::ScheduledAction", "AWS::EC2::LaunchTemplate"
#: beginnings of the names of calls that make nothing
_MAKES_NOTHING = ("Describe", "List", "Get", "Head", "Delete")
#: other ways to say what a group launches, which are not read here
_UNREAD = {"MixedInstancesPolicy", "LaunchConfigurationName", "InstanceId"}


def ask(plan: Plan, account: str, region: str) -> None:
    """Show what is made and its price, and go on only when the account's last four digits are typed.

    Raises:
        EngineUnavailable: something else was typed, or nobody is there to type. Nothing was made.
    """
    print(plan.text(region))
    try:
        answer = input("Type the last four digits of the account to go on, anything else to stop: ")
    except (EOFError, OSError, NotImplementedError) as error:  # no stdin, or a front end that can't ask
        raise EngineUnavailable(
            "real AWS costs money, and nobody can be asked here. Nothing was made. "
            "Run this where you can answer: in JupyterLab, or in a terminal."
        ) from error
    if answer.strip() != account[-4:]:
        raise EngineUnavailable("these are not the last four digits of the account. Nothing was made.")


@dataclass
class _Made:
    """What was made under one name: resources by kind, and the largest size that was allowed."""

    resources: Counter[str] = field(default_factory=Counter)
    instances: int = 0


@dataclass
class Fence:
    """A handler of botocore's ``before-parameter-build``: it refuses each call that makes something that the plan does not have.

    A name counts once, however often it is made again, and still counts when it was deleted.
    """

    plan: Plan
    made: dict[tuple[str, str], _Made] = field(default_factory=dict)

    def around(self, session: Session) -> Session:
        """Every client of the session from now on has this fence; the session itself."""
        session.events.register("before-parameter-build", self)
        return session

    @property
    def resources(self) -> Counter[str]:
        """Resources so far, by kind."""
        return sum((one.resources for one in self.made.values()), Counter())

    @property
    def instances(self) -> int:
        """The sum of the groups' maximum sizes so far."""
        return sum(one.instances for one in self.made.values())

    def __call__(self, params: Mapping[str, Any], model: Any, **_: object) -> None:
        """Let the call pass, or raise EngineUnavailable."""
        call = f"{model.service_model.service_name}:{model.name}"
        if (
            model.name.startswith(_MAKES_NOTHING) or call == "cloudformation:ExecuteChangeSet"
        ):  # looked at when it was made
            return
        if call not in _READERS:
            raise _stopped(call, "no plan allows it")
        key, made = _READERS[call](self, call, params)
        before = self.made.get(key, _Made())
        after = _Made(before.resources | made.resources, max(before.instances, made.instances))
        self._require_room(call, key, after)
        self.made[key] = after

    def _require_room(self, call: str, key: tuple[str, str], after: _Made) -> None:
        then = Fence(self.plan, {**self.made, key: after})
        for kind, number in then.resources.items():
            if number > self.plan.resources.get(kind, 0):
                raise _stopped(call, f"the plan has {self.plan.resources.get(kind, 0)} of {kind}")
        if then.instances > self.plan.instances:
            raise _stopped(
                call, f"the plan has {self.plan.instances} instances, with this it would be {then.instances}"
            )

    def _require_type(self, call: str, instance_type: Any) -> None:
        if not self.plan.admits(instance_type):
            planned = self.plan.instance_type or "none"
            raise _stopped(call, f"it launches {instance_type}, the plan's dearest instance is {planned}")

    def _owner(self, call: str, group: str) -> tuple[str, str]:
        """Under which name a group was made: its own, or that of the stack with which its name begins."""
        if ("group", group) in self.made:
            return "group", group
        stacks = [name for kind, name in self.made if kind == "stack" and group.startswith(f"{name}-")]
        if not stacks:
            raise _stopped(call, f"the group {group} was not made by this notebook")
        return "stack", max(stacks, key=len)

    # What a call makes, and under which name

    def _group(self, call: str, params: Mapping[str, Any]) -> tuple[tuple[str, str], _Made]:
        name = params.get("AutoScalingGroupName", "")
        template = (params.get("LaunchTemplate") or {}).get("LaunchTemplateName")
        if _UNREAD & set(params) or ("template", template) not in self.made:
            raise _stopped(call, "a group must launch from a launch template, by name, that this notebook made")
        return ("group", name), _Made(Counter({_GROUP: 1}), _size(call, params.get("MaxSize", 0)))

    def _resized(self, call: str, params: Mapping[str, Any]) -> tuple[tuple[str, str], _Made]:
        template = params.get("LaunchTemplate")
        if _UNREAD & set(params) or (template and ("template", template.get("LaunchTemplateName")) not in self.made):
            raise _stopped(call, "a group must launch from a launch template, by name, that this notebook made")
        key = self._owner(call, params.get("AutoScalingGroupName", ""))
        return key, _Made(Counter(), _size(call, params.get("MaxSize", 0)))

    def _policy(self, call: str, params: Mapping[str, Any]) -> tuple[tuple[str, str], _Made]:
        group = params.get("AutoScalingGroupName", "")
        self._owner(call, group)
        return ("policy", f"{group}/{params.get('PolicyName')}"), _Made(Counter({_POLICY: 1}))

    def _action(self, call: str, params: Mapping[str, Any]) -> tuple[tuple[str, str], _Made]:
        group = params.get("AutoScalingGroupName", "")
        if "MaxSize" in params:  # it would count beside the group's own
            raise _stopped(call, "a scheduled action may not change a group's maximum")
        self._owner(call, group)
        return ("action", f"{group}/{params.get('ScheduledActionName')}"), _Made(Counter({_ACTION: 1}))

    def _template(self, call: str, params: Mapping[str, Any]) -> tuple[tuple[str, str], _Made]:
        self._require_type(call, (params.get("LaunchTemplateData") or {}).get("InstanceType"))
        return ("template", params.get("LaunchTemplateName", "")), _Made(Counter({_MACHINE: 1}))

    def _stack(self, call: str, params: Mapping[str, Any]) -> tuple[tuple[str, str], _Made]:
        body = _template_body(call, params.get("TemplateBody"))
        given = {p["ParameterKey"]: p.get("ParameterValue") for p in params.get("Parameters", ())}
        values = {name: one.get("Default") for name, one in (body.get("Parameters") or {}).items()} | given

        def value(of: Any) -> Any:
            return values.get(of["Ref"]) if isinstance(of, dict) and set(of) == {"Ref"} else of

        made = _Made()
        for resource in body["Resources"].values():
            properties = resource.get("Properties") or {}
            kind = resource.get("Type")
            made.resources[kind] += 1
            if kind == _GROUP:
                if _UNREAD & set(properties):
                    raise _stopped(call, "a group must launch from a launch template")
                made.instances += _size(call, value(properties.get("MaxSize", 0)))
            if kind == _MACHINE:
                self._require_type(call, value((properties.get("LaunchTemplateData") or {}).get("InstanceType")))
        return ("stack", params.get("StackName", "")), made


_READERS: dict[str, Callable[[Fence, str, Mapping[str, Any]], tuple[tuple[str, str], _Made]]] = {
    "autoscaling:CreateAutoScalingGroup": Fence._group,
    "autoscaling:UpdateAutoScalingGroup": Fence._resized,
    "autoscaling:PutScalingPolicy": Fence._policy,
    "autoscaling:PutScheduledUpdateGroupAction": Fence._action,
    "cloudformation:CreateChangeSet": Fence._stack,
    "cloudformation:CreateStack": Fence._stack,
    "ec2:CreateLaunchTemplate": Fence._template,
    "ec2:CreateLaunchTemplateVersion": Fence._template,
}


def _stopped(call: str, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"{call} was stopped: {why}. The call was not sent. On real AWS only what the plan given to connect() has is made."
    )


def _size(call: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise _stopped(call, f"a group's maximum can't be read off {value!r}") from None


def _template_body(call: str, text: Any) -> dict[str, Any]:
    """A template as a dictionary, with ``!Ref`` written out and the other short forms left out."""
    import yaml

    class Loader(yaml.SafeLoader):
        """CloudFormation's short forms are no error."""

    def short(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
        return {suffix: node.value if isinstance(node, yaml.ScalarNode) else None}

    Loader.add_multi_constructor("!", short)
    try:
        body = yaml.load(text, Loader) if isinstance(text, str) else None  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict) or "Transform" in body:
        raise _stopped(call, "what it makes can only be read off a plain TemplateBody")
    return body
