"""CloudFormation templates: read them, check them offline with cfn-lint, and take out what scales.

The templates themselves are in ``cloudformation/`` at the top of the checkout.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import yaml

from companion.configs import plain_yaml
from companion.errors import SettingError

#: name in the template's Resources of each kind that :func:`scaling` takes out
_GROUP, _POLICY = "AWS::AutoScaling::AutoScalingGroup", "AWS::AutoScaling::ScalingPolicy"
_ALARM, _ACTION = "AWS::CloudWatch::Alarm", "AWS::AutoScaling::ScheduledAction"


class _Loader(plain_yaml.Loader):
    """YAML with CloudFormation's short forms: ``!Ref x`` becomes ``{"Ref": "x"}``, ``!Sub`` ``{"Fn::Sub": ...}``."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load(text: str) -> dict[str, Any]:
    """A template as a dictionary, its short forms written out; SettingError, with the line, when it is none."""
    try:
        template = yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise SettingError(f"{where}the template is no YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise SettingError("Resources: a template needs this section, with at least one resource")
    return template


def faults(text: str, **parameters: Any) -> list[str]:
    """What is wrong with a template, as ``path: message``, errors first; an empty list when nothing is.

    cfn-lint's errors and warnings (its schemas are bundled, nothing is fetched), one for each cycle of references and one for
    each place, then what it can't know: sizes that contradict each other for these parameters or their defaults.
    """
    from cfnlint.api import ManualArgs, lint

    template = load(text)
    found: dict[tuple[str, int], str] = {}
    cyclic = False
    matches = lint(text, config=ManualArgs(regions=["us-east-1"]))
    for match in sorted(matches, key=lambda m: (m.rule.id[0], m.linenumber, m.columnnumber)):
        if match.rule.id == "E3004":  # every resource on a cycle is reported: the first names them all
            if cyclic:
                continue
            cyclic = True
        path = "/".join(str(part) for part in match.path or ())
        found.setdefault((path, match.linenumber), f"{path or 'line ' + str(match.linenumber)}: {match.message}")
    return list(found.values()) or _contradictions(template, parameters)


def check(text: str, **parameters: Any) -> None:
    """Raise a SettingError with the first fault, its path, and how many there are more."""
    if found := faults(text, **parameters):
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise SettingError(found[0] + more)


def _contradictions(template: dict[str, Any], parameters: Mapping[str, Any]) -> list[str]:
    found = []
    for name, resource in template["Resources"].items():
        if resource.get("Type") not in (_GROUP, _ACTION):
            continue
        sizes = {}
        for key in ("MinSize", "DesiredCapacity", "MaxSize"):
            value = resolve(resource.get("Properties", {}).get(key), template, parameters)
            if isinstance(value, int | float | str) and str(value).strip().isdigit():
                sizes[key] = int(value)
        ordered = list(sizes.items())
        for (low, a), (high, b) in pairwise(ordered):
            if a > b:
                found.append(f"Resources/{name}/Properties/{low}: {a} is above {high}, which is {b}")
    return found


def resolve(value: Any, template: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
    """``value`` with every ``Ref`` to a parameter replaced by what is given for it, or by its default.

    A ``Ref`` to a resource becomes its logical name; what only AWS can know (``Fn::GetAtt``, ``Fn::Sub``) stays as it is.
    """
    if isinstance(value, dict):
        if set(value) == {"Ref"}:
            name = value["Ref"]
            declared = template.get("Parameters", {})
            return parameters.get(name, declared[name].get("Default", value)) if name in declared else name
        return {key: resolve(inner, template, parameters) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolve(inner, template, parameters) for inner in value]
    return value


def scaling(text: str, **parameters: Any) -> dict[str, Any]:
    """What scales in a template, as the arguments of ``companion.simulate.target_tracking.plan``.

    Args:
        parameters: by name; those left out have their defaults.

    Raises:
        SettingError: no group or more than one, or a parameter that the template does not have.
    """
    template = load(text)
    if unknown := sorted(set(parameters) - set(template.get("Parameters", {}))):
        raise SettingError(f"Parameters: the template has no {', '.join(unknown)}")

    def of(kind: str) -> list[tuple[str, dict[str, Any]]]:
        return [
            (name, resolve(resource.get("Properties", {}), template, parameters))
            for name, resource in template["Resources"].items()
            if resource.get("Type") == kind
        ]

    groups = of(_GROUP)
    if len(groups) != 1:
        raise SettingError(f"Resources: exactly one {_GROUP} is needed, found {len(groups)}")
    return {
        "group": groups[0][1],
        "policies": [{"PolicyName": name, **properties} for name, properties in of(_POLICY)],
        "alarms": [{"AlarmName": name, **properties} for name, properties in of(_ALARM)],
        "actions": [{"ScheduledActionName": name, **properties} for name, properties in of(_ACTION)],
    }
