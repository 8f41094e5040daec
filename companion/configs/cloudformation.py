"""CloudFormation templates: read them, check them offline with cfn-lint, and take out what scales.

The templates themselves are in ``cloudformation/`` at the top of the checkout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from companion.configs import plain_yaml
from companion.errors import SettingError

if TYPE_CHECKING:
    from cfnlint.match import Match
    from cfnlint.rules import Rules

#: name in the template's Resources of each kind that :func:`scaling` takes out
_GROUP, _POLICY = "AWS::AutoScaling::AutoScalingGroup", "AWS::AutoScaling::ScalingPolicy"
_ALARM, _ACTION = "AWS::CloudWatch::Alarm", "AWS::AutoScaling::ScheduledAction"
_NOTHING = {"Ref": "AWS::NoValue"}


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
    """A template (YAML or JSON) as a dictionary, its short forms written out; SettingError, with the line or path, when it is none."""
    template = _read(text)
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict) or not template["Resources"]:
        raise SettingError("Resources: a template needs this section, with at least one resource")
    for section in ("Parameters", "Resources"):
        for name, entry in _section(template, section).items():
            if section == "Resources" and str(name).startswith("Fn::"):  # a macro's: only AWS knows what it makes
                continue
            if not isinstance(entry, dict):
                raise SettingError(f"{section}/{name}: must be a mapping, got {entry!r}")
            if not isinstance(entry.get("Properties") or {}, dict) or set(entry.get("Properties") or ()) == {"Ref"}:
                raise SettingError(f"{section}/{name}/Properties: must be a mapping, got {entry['Properties']!r}")
    return template


def _read(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)  # JSON may be indented with tabs, which YAML refuses
        except ValueError:
            pass
    try:
        return yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise SettingError(f"{where}the template is no YAML: {getattr(error, 'problem', error)}") from None
    except ValueError as error:  # a value that looks like a number and is none
        raise SettingError(f"the template is no YAML: {error}") from None


def _section(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A section of the template; an empty one is None in YAML."""
    section = template.get(name) or {}
    if not isinstance(section, Mapping):
        raise SettingError(f"{name}: must be a mapping, got {section!r}")
    return section


def _of(template: Mapping[str, Any], *kinds: str) -> list[tuple[str, dict[str, Any]]]:
    """Name and body of the template's resources of these kinds."""
    resources = template["Resources"].items()
    return [(str(name), body) for name, body in resources if isinstance(body, dict) and body.get("Type") in kinds]


def source(text: str, name: str) -> str:
    """The lines of one resource of a YAML template as they stand in the file; SettingError when it has none of this name."""
    lines = text.splitlines()
    inside = lines.index("Resources:") + 1 if "Resources:" in lines else len(lines)
    begin = next((n for n in range(inside, len(lines)) if lines[n] == f"  {name}:"), None)
    if begin is None:
        raise SettingError(f"Resources: the template has no {name}")
    later = range(begin + 1, len(lines))
    end = next((n for n in later if lines[n].strip() and not lines[n].startswith("   ")), len(lines))
    return "\n".join(lines[begin:end]).rstrip()


def differences(text: str, other: str) -> list[str]:
    """Where two templates differ in what they say, as ``path: this became that``; comments, order and YAML or JSON don't count."""

    def below(one: Any, two: Any, path: str) -> Iterator[str]:
        if isinstance(one, dict) and isinstance(two, dict):
            for key in sorted({*one, *two}, key=str):
                yield from below(one.get(key), two.get(key), f"{path}/{key}" if path else str(key))
        elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
            for number, pair in enumerate(zip(one, two, strict=True)):
                yield from below(*pair, f"{path}/{number}")
        elif one != two:
            yield f"{path}: {one!r} became {two!r}"

    return list(below(load(text), load(other), ""))


def _linted(text: str) -> list[Match]:
    """What ``cfnlint.api.lint`` finds. Its rules are loaded once: anew for each template they take longer than the template."""
    from cfnlint.api import ManualArgs, decode_str, run_template_by_data
    from cfnlint.config import ConfigMixIn

    template, matches = decode_str(text)
    config = ConfigMixIn(**ManualArgs(regions=["us-east-1"]))
    return list(matches or run_template_by_data(template, config, _rules()))


@cache
def _rules() -> Rules:
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner import Runner

    return Runner(ConfigMixIn()).rules


def faults(text: str, **parameters: Any) -> list[str]:
    """What is wrong with a template, as ``path: message``, errors first; an empty list when nothing is.

    cfn-lint's errors and warnings (its schemas are bundled, nothing is fetched), one for each cycle of references and one for
    each place, then what it can't know: sizes that contradict each other for these parameters or their defaults, within a group or
    a scheduled action, and between a group and what is scheduled for it or replaced at once in it.
    """
    template = load(text)
    found: dict[tuple[str, int], str] = {}
    cyclic = False
    for match in sorted(_linted(text), key=lambda m: (m.rule.id[0], m.linenumber, m.columnnumber)):
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
    def sizes(properties: Any, *keys: str) -> dict[str, int]:
        found = {}
        for key in keys:
            value = resolve((properties or {}).get(key), template, parameters)
            if isinstance(value, int | float | str) and str(value).strip().isdigit():
                found[key] = int(value)
        return found

    found, largest = [], {}
    for name, resource in _of(template, _GROUP, _ACTION):
        own = sizes(resource.get("Properties"), "MinSize", "DesiredCapacity", "MaxSize")
        for (low, a), (high, b) in pairwise(own.items()):
            if a > b:
                found.append(f"Resources/{name}/Properties/{low}: {a} is above {high}, which is {b}")
        if resource["Type"] == _GROUP and "MaxSize" in own:
            largest[name] = own["MaxSize"]
    for name, resource in _of(template, _ACTION):
        properties = resource.get("Properties") or {}
        group = resolve(properties.get("AutoScalingGroupName"), template, parameters)
        if not isinstance(group, str) or group not in largest or "MaxSize" in properties:
            continue
        for key, size in sizes(properties, "MinSize", "DesiredCapacity").items():
            if size > largest[group]:
                found.append(
                    f"Resources/{name}/Properties/{key}: {size} is above {group}'s MaxSize, which is {largest[group]}"
                )
    for name, resource in _of(template, _GROUP):
        policy = resource.get("UpdatePolicy")
        rolling = policy.get("AutoScalingRollingUpdate") if isinstance(policy, dict) else None
        kept = sizes(rolling, "MinInstancesInService") if isinstance(rolling, dict) else {}
        if name in largest and kept.get("MinInstancesInService", 0) >= max(largest[name], 1):
            path = f"Resources/{name}/UpdatePolicy/AutoScalingRollingUpdate/MinInstancesInService"
            found.append(f"{path}: {kept['MinInstancesInService']} leaves none to replace: MaxSize is {largest[name]}")
    return found


def resolve(value: Any, template: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
    """``value`` with every ``Ref`` to a parameter replaced by what is given for it, or by its default.

    A ``Ref`` to a resource becomes its logical name; what only AWS can know (``Fn::GetAtt``, ``Fn::Sub``, ``Fn::If``) stays as it
    is, and what is ``AWS::NoValue`` is left out.
    """
    if isinstance(value, dict):
        if set(value) == {"Ref"} and isinstance(name := value["Ref"], str):
            declared = _section(template, "Parameters")
            return parameters.get(name, declared[name].get("Default", value)) if name in declared else name
        kept = {key: inner for key, inner in value.items() if inner != _NOTHING}
        return {key: resolve(inner, template, parameters) for key, inner in kept.items()}
    if isinstance(value, list):
        return [resolve(inner, template, parameters) for inner in value if inner != _NOTHING]
    return value


def _named(action: Any) -> Any:
    """A policy's logical name out of the other ways to write its ``Ref``, ``!GetAtt Up.Arn`` and ``!Sub "${Up}"``; the rest as it is."""
    match action:
        case {"Fn::GetAtt": [str(name), "Arn"], **more} if not more:
            return name
        case {"Fn::GetAtt": str(path), **more} if not more and path.endswith(".Arn"):
            return path.removesuffix(".Arn")
        case {"Fn::Sub": str(text), **more} if not more and re.fullmatch(r"\$\{\w+}", text):
            return text[2:-1]
    return action


def scaling(text: str, **parameters: Any) -> dict[str, Any]:
    """What scales in a template, as the arguments of ``companion.simulate.target_tracking.plan``.

    Args:
        parameters: by name; those left out have their defaults.

    Raises:
        SettingError: no group or more than one, or a parameter that the template does not have.
    """
    template = load(text)
    if unknown := sorted(set(parameters) - set(_section(template, "Parameters"))):
        raise SettingError(f"Parameters: the template has no {', '.join(unknown)}")
    groups = _of(template, _GROUP)
    if len(groups) != 1:
        raise SettingError(f"Resources: exactly one {_GROUP} is needed, found {len(groups)}")

    def of(kind: str) -> list[tuple[str, dict[str, Any]]]:
        return [(n, resolve(body.get("Properties") or {}, template, parameters)) for n, body in _of(template, kind)]

    def alarm(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        actions = properties.get("AlarmActions")
        named = {"AlarmActions": [_named(action) for action in actions]} if isinstance(actions, list) else {}
        return {"AlarmName": name, **properties, **named}

    return {
        "group": of(_GROUP)[0][1],
        "policies": [{"PolicyName": name, **properties} for name, properties in of(_POLICY)],
        "alarms": [alarm(name, properties) for name, properties in of(_ALARM)],
        "actions": [{"ScheduledActionName": name, **properties} for name, properties in of(_ACTION)],
    }
