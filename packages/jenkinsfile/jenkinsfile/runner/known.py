"""What is known of the expressions of a pipeline before anything runs: their types, and that they can be evaluated here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from jenkinsfile.errors import PipelineError
from jenkinsfile.groovy import (
    Binary,
    Call,
    Closure,
    GString,
    ListLiteral,
    Literal,
    MapLiteral,
    Name,
    Node,
    Property,
    Ternary,
    Unary,
    text_of,
)
from jenkinsfile.pipeline import named_arguments
from jenkinsfile.runner.patterns import is_common

#: variables of one build, which another build that this process belongs to may have set
_BUILDS = (
    r"BRANCH_(NAME|IS_PRIMARY)|TAG_(NAME|DATE|TIMESTAMP|UNIXTIME)|CHANGE_\w+|BUILD_(URL|USER\w*|TIMESTAMP|CAUSE\w*)|JOB_\w*URL"
    r"|RUN_\w*URL|STAGE_NAME"
)
#: variables that a controller sets and nobody else knows
_CONTROLLERS = rf"{_BUILDS}|(GIT|SVN|JENKINS|HUDSON|LIBRARY|ghprb|gitlab)_?\w+|NODE_NAME|NODE_LABELS|EXECUTOR_NUMBER|WORKSPACE_TMP|CI"


def is_of_a_build(name: str) -> bool:
    """Whether a variable belongs to one build."""
    return re.fullmatch(_BUILDS, name) is not None


def is_controllers(name: str) -> bool:
    """Whether a variable is one that only a controller sets."""
    return re.fullmatch(_CONTROLLERS, name) is not None


@dataclass(frozen=True)
class Known:
    """What is known at a place in the pipeline.

    Attributes:
        variables: the names of the environment variables that are set.
        parameters: the type of each parameter, ``text`` or ``flag``.
        unset: variables of a controller that are known not to be set.
        hidden: names that mean something else, as the file defines them outside of the pipeline.
    """

    variables: frozenset[str]
    parameters: Mapping[str, str]
    unset: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    def with_variables(self, names: Iterable[str]) -> Known:
        """With more variables."""
        return replace(self, variables=self.variables | set(names))


def refused(node: Node, what: str) -> PipelineError:
    """The error of what can't be rehearsed."""
    return PipelineError(f"line {node.line}: {what}")


def type_of(node: Node, known: Known) -> str:
    """The type of an expression: ``text``, ``flag``, ``number``, ``null``, ``list`` or ``match``.

    Raises:
        PipelineError: only a controller can evaluate it, or Groovy would do it in a way that is not known here.
    """
    match node:
        case Literal():
            return _of_literal(node)
        case GString():
            for part in node.parts:
                if not isinstance(part, str) and type_of(part, known) in ("list", "match"):
                    raise refused(node, "only texts, numbers and flags can be written into a string here")
            return "text"
        case ListLiteral():
            for item in node.items:
                type_of(item, known)
            return "list"
        case Name():
            return _of_name(node, known)
        case Property():
            return _of_property(node, known)
        case Unary(operator="!"):
            type_of(node.operand, known)
            return "flag"
        case Ternary():
            return _of_ternary(node, known)
        case Binary():
            return _of_binary(node, known)
        case Call():
            return _of_call(node, known)
    raise refused(node, "this expression is known on a controller only")


def _of_literal(node: Literal) -> str:
    if isinstance(node.value, bool):
        return "flag"
    if isinstance(node.value, float):
        raise refused(node, "a number with a fraction is not rehearsed: Groovy writes it in its own way")
    return "null" if node.value is None else "number" if isinstance(node.value, int) else "text"


def _of_name(node: Name, known: Known) -> str:
    if node.name in ("env", "params", "currentBuild", "scm", "this"):
        raise refused(node, f"{node.name} by itself is known on a controller only")
    if node.name in known.variables and node.name not in known.hidden:
        return "text"
    raise refused(
        node, f"{node.name} is known on a controller only: it is no parameter and no variable of the pipeline"
    )


def _of_property(node: Property, known: Known) -> str:
    holder, name = node.object, text_of(node.name)
    if isinstance(holder, Name) and holder.name == "params" and name:
        return known.parameters.get(name, "null")
    if isinstance(holder, Name) and holder.name == "env" and name:
        if name in known.variables:
            return "text"
        if is_controllers(name) and name not in known.unset:
            hint = ", or the caller who says branch=" if name == "BRANCH_NAME" else ""
            raise refused(node, f"env.{name} is known on a controller only{hint}")
        return "null"
    whose = f"{holder.name}.{name}" if isinstance(holder, Name) else "this property"
    raise refused(node, f"{whose} is known on a controller only")


def _of_ternary(node: Ternary, known: Known) -> str:
    first = type_of(node.condition if node.yes is None else node.yes, known)
    type_of(node.condition, known)
    second = type_of(node.no, known)
    if first == second or "null" in (first, second):
        return second if first == "null" else first
    raise refused(node, f"a choice between {first} and {second} is not rehearsed")


def _of_binary(node: Binary, known: Known) -> str:
    left, right = type_of(node.left, known), type_of(node.right, known)
    if node.operator in ("&&", "||"):
        return "flag"
    if node.operator in ("==", "!=") and not {left, right} & {"list", "match"}:
        return "flag"
    if node.operator == "+" and ((left == "text" and right not in ("list", "match")) or left == right == "number"):
        return left
    if node.operator == "in" and left == "text" and isinstance(node.right, ListLiteral):
        return "flag"
    if node.operator in ("<", ">", "<=", ">=") and left == right == "number":
        return "flag"
    if node.operator in ("==~", "=~") and left == "text":
        pattern = text_of(node.right)
        if pattern is None or isinstance(node.right, Name) or not is_common(pattern):
            raise refused(node, "this regular expression is not rehearsed: it may mean something else to Java")
        return "flag" if node.operator == "==~" else "match"
    raise refused(node, f"{left} {node.operator} {right} is not rehearsed")


def _of_call(node: Call, known: Known) -> str:
    method = text_of(node.method) or "this call"
    if node.object is not None:
        if method == "trim" and not node.arguments and type_of(node.object, known) == "text":
            return "text"
        raise refused(node, f"the method {method} is known on a controller only")
    if node.name != "sh":
        raise refused(node, f"{method} is known on a controller only")
    wanted = check_call(node, known, SH)
    if "returnStdout" in wanted:
        return "text"
    return "number" if "returnStatus" in wanted else "null"


#: the arguments of the step ``sh``
SH = {"script": "text", "returnStdout": "flag", "returnStatus": "flag", "label": "text"}


def check_call(call: Call, known: Known, kinds: Mapping[str, str], single: str | None = None) -> set[str]:
    """Hold the arguments of a call against those that are rehearsed; returns the flags that are true.

    Args:
        kinds: by name ``text``, ``number``, ``flag`` (a constant), ``list``, ``unit`` (a plain text), ``status`` or ``any``.
        single: what a value without a name means; the first of the kinds when nothing is given.
    """
    given: dict[str, Node] = dict(named_arguments(call))
    plain = [value for value in call.arguments if not isinstance(value, Closure) and not _is_named(value)]
    if plain:
        given[single or next(iter(kinds), "")] = plain[0]
    flags = set()
    for name, value in given.items():
        kind = kinds.get(name)
        if kind is None:
            raise refused(value, f"{name} of {call.name} is not rehearsed")
        _check_argument(call, name, value, kind, known)
        if isinstance(value, Literal) and value.value is True:
            flags.add(name)
    if {"returnStdout", "returnStatus"} <= flags:
        raise refused(call, "sh can't return both its output and its exit code")
    return flags


def _is_named(value: Node) -> bool:
    return isinstance(value, MapLiteral) and value.named


def _check_argument(call: Call, name: str, value: Node, kind: str, known: Known) -> None:
    if kind == "flag":
        if not (isinstance(value, Literal) and isinstance(value.value, bool)):
            raise refused(value, f"{name} of {call.name} has to be true or false here")
    elif kind in ("unit", "status"):
        if text_of(value) is None or isinstance(value, Name):
            raise refused(value, f"{name} of {call.name} has to be a plain text here")
        if kind == "status" and str(text_of(value)).upper() not in _RESULTS:
            raise refused(value, f"{name} of {call.name} is one of {', '.join(_RESULTS)}")
    elif kind == "list":
        if not isinstance(value, ListLiteral):
            raise refused(value, f"{name} of {call.name} has to be a list here")
    elif kind == "any":
        type_of(value, known)
    elif type_of(value, known) != kind:
        raise refused(value, f"{name} of {call.name} has to be a {kind} here")


_RESULTS = ("SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED")
