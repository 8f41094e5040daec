"""The parameters of a build: what the file says, and what is given instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jenkinsfile.errors import PipelineError
from jenkinsfile.groovy import Call, ListLiteral, Literal, Node, text_of
from jenkinsfile.pipeline import Pipeline, calls_in, named_arguments
from jenkinsfile.runner.known import refused
from jenkinsfile.runner.strings import shown

_TEXTS = ("string", "stringParam", "text", "textParam")
_CHOICES = ("choice", "choiceParam")


def parameter_values(pipeline: Pipeline, given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by name: the defaults of the file, and what was given instead; texts and flags.

    Raises:
        PipelineError: a parameter is not there, has another type, or only a controller knows its value.
    """
    values: dict[str, Any] = {}
    for call in calls_in(pipeline.sections.get("parameters")):
        named = named_arguments(call)
        name = text_of(named.get("name", next(iter(call.arguments), None))) or ""
        values[name] = _value(call, name, named, given)
    for name in given:
        if name not in values:
            raise PipelineError(f"the pipeline has no parameter {name!r}; it has: {', '.join(values) or 'none'}")
    return values


def _value(call: Call, name: str, named: Mapping[str, Node], given: Mapping[str, Any]) -> Any:
    if call.name == "booleanParam":
        return _flag(name, given[name]) if name in given else _default(call, named, False) is True
    if call.name in _CHOICES:
        return _chosen(call, name, named, given)
    if call.name in _TEXTS:
        value = shown(given[name]) if name in given else shown(_default(call, named, ""))
        trim = named.get("trim")
        return value.strip() if isinstance(trim, Literal) and trim.value is True else value
    if name not in given or call.name in ("file", "fileParam"):
        raise refused(call, f"the parameter {name} is a {call.name}: only a controller has its value")
    return shown(given[name])


def _default(call: Call, named: Mapping[str, Node], empty: Any) -> Any:
    default = named.get("defaultValue")
    if default is None:
        return empty
    if not isinstance(default, Literal) or default.value is None:
        raise refused(default, f"the default of a {call.name} has to be a constant here, or its value has to be given")
    return default.value


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise PipelineError(f"{name} is true or false, not {value!r}")


def _chosen(call: Call, name: str, named: Mapping[str, Node], given: Mapping[str, Any]) -> str:
    choices = named.get("choices")
    if isinstance(choices, ListLiteral) and all(isinstance(item, Literal) for item in choices.items):
        known = [shown(item.value) for item in choices.items if isinstance(item, Literal)]
    elif isinstance(choices, Literal) and isinstance(choices.value, str):
        known = choices.value.splitlines()
    else:
        raise refused(call, f"the choices of {name} have to be constants here")
    if name in given and given[name] not in known:
        raise PipelineError(f"{name} is one of {', '.join(known)}, not {given[name]!r}")
    return str(given.get(name, known[0] if known else ""))
