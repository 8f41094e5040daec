"""What is known of the expressions of a pipeline before anything runs: their types, and that they can be evaluated here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from jenkinsfile import vocabulary
from jenkinsfile.declarative.arguments import check_arguments
from jenkinsfile.declarative.findings import Report
from jenkinsfile.errors import PipelineError
from jenkinsfile.groovy import (
    Binary,
    Call,
    Closure,
    GString,
    Index,
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
from jenkinsfile.runner.strings import METHODS

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
class Local:
    """A variable of a ``script`` block.

    Attributes:
        type: as ``type_of`` names it, or ``error`` of what a ``catch`` has caught.
        plain: whether it is surely a Java String, and no interpolated one.
    """

    type: str
    plain: bool = True


@dataclass(frozen=True)
class Known:
    """What is known at a place in the pipeline.

    Attributes:
        variables: the names of the environment variables that are set.
        parameters: the type of each parameter, ``text`` or ``flag``.
        unset: variables of a controller that are known not to be set.
        hidden: names that mean something else, as the file defines them outside of the pipeline.
        settled: variables that ``env.NAME = ...`` does not change, or that this process can't follow.
        assigned: variables that ``env.NAME = ...`` sets somewhere, perhaps.
        locals: the variables of a ``script`` block by name; None outside of one.
    """

    variables: frozenset[str]
    parameters: Mapping[str, str]
    unset: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    assigned: frozenset[str] = frozenset()
    locals: Mapping[str, Local] | None = None

    def local(self, name: str) -> Local | None:
        """The variable of a script block with this name."""
        return (self.locals or {}).get(name)

    def with_local(self, name: str, local: Local) -> Known:
        """With one more variable of a script block."""
        return replace(self, locals={**(self.locals or {}), name: local})

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
        case Index(object=Name(name="params"), keys=[Literal(value=str(name))]):
            return known.parameters.get(name, "null")
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
    if local := known.local(node.name):
        if local.type == "error":
            raise refused(
                node, f"what the error {node.name} says is known on a controller only: it can be thrown again"
            )
        return local.type
    if node.name in ("env", "params", "currentBuild", "scm", "this"):
        raise refused(node, f"{node.name} by itself is known on a controller only")
    if node.name in known.variables and node.name not in known.hidden:
        return "text"
    raise refused(
        node, f"{node.name} is known on a controller only: it is no parameter and no variable of the pipeline"
    )


def _of_property(node: Property, known: Known) -> str:
    holder, name = node.object, text_of(node.name)
    if node.operator not in (".", "?."):
        raise refused(node, f"the operator {node.operator} is not rehearsed")
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
        if {left, right} == {"text", "number"}:  # 49 == '1' is true: the number of that character
            raise refused(node, "a text and a number are not compared here: Groovy does it in its own way")
        return "flag"
    if node.operator == "+" and ((left == "text" and right not in ("list", "match")) or left == right == "number"):
        return left
    if node.operator == "in" and left == "text" and isinstance(node.right, ListLiteral):
        for item in (node.left, *node.right.items):
            if type_of(item, known) == "text" and not is_plain(item, known):
                raise refused(item, f"an interpolated string is never in a list: compare it with ==, {_TO_STRING}")
        return "flag"
    if node.operator in ("<", ">", "<=", ">=") and left == right == "number":
        return "flag"
    if node.operator in ("==~", "=~") and left == "text":
        _check_pattern(node.right)
        return "flag" if node.operator == "==~" else "match"
    raise refused(node, f"{left} {node.operator} {right} is not rehearsed")


_TO_STRING = "or take its toString()"


def is_plain(node: Node, known: Known) -> bool:
    """Whether a text is surely a Java String: an interpolated one equals no String, by ``equals`` and in lists."""
    match node:
        case GString():
            return False
        case Name() if local := known.local(node.name):
            return local.plain
        case Binary(operator="+"):
            return is_plain(node.left, known)
        case Ternary():
            return is_plain(node.condition if node.yes is None else node.yes, known) and is_plain(node.no, known)
    return True


def _check_pattern(node: Node) -> None:
    pattern = text_of(node)
    if pattern is None or isinstance(node, Name) or not is_common(pattern):
        raise refused(node, "this regular expression is not rehearsed: it may mean something else to Java")


def _of_call(node: Call, known: Known) -> str:
    if node.object is not None:
        return _of_method(node, node.object, known)
    if node.name != "sh":
        raise refused(node, f"{text_of(node.method) or 'this call'} is known on a controller only")
    check_signature(node)
    wanted = check_call(node, known, SH)
    if "returnStdout" in wanted:
        return "text"
    return "number" if "returnStatus" in wanted else "null"


def _of_method(node: Call, holder: Node, known: Known) -> str:
    name = text_of(node.method) or "that is computed"
    method = METHODS.get(name)
    if method is None:
        raise refused(node, f"the method {name} is known on a controller only")
    of = type_of(holder, known)
    if of not in method.of:
        raise refused(node, f"the method {name} of a {of} is not rehearsed")
    if node.operator not in (".", "?."):
        raise refused(node, f"the operator {node.operator} is not rehearsed")
    if len(node.arguments) != len(method.arguments):
        raise refused(node, f"the method {name} is rehearsed with {len(method.arguments)} arguments")
    for value, wanted in zip(node.arguments, method.arguments, strict=True):
        if wanted == "pattern":
            _check_pattern(value)
        elif (given := type_of(value, known)) != wanted and (wanted != "any" or given in ("list", "match")):
            raise refused(value, f"the method {name} of a {given} is not rehearsed")
        if wanted == "any" and not (is_plain(holder, known) and is_plain(value, known)):
            raise refused(node, f"an interpolated string equals no string by equals: compare with ==, {_TO_STRING}")
    return method.result


def check_signature(call: Call) -> None:
    """Hold the arguments of a step against the reference, where the linter has not done so: in code."""
    report = Report()
    arguments = call.arguments[:-1] if call.block else call.arguments
    if signature := vocabulary.STEPS.get(call.name or ""):
        check_arguments(report, call, call.name or "", arguments, signature, block=call.block is not None)
    for fault in report.findings:
        raise refused(call, fault.message)


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
        if kind == "status" and str(text_of(value)).upper() not in RESULTS:
            raise refused(value, f"{name} of {call.name} is one of {', '.join(RESULTS)}")
    elif kind == "list":
        if not isinstance(value, ListLiteral):
            raise refused(value, f"{name} of {call.name} has to be a list here")
    elif kind == "any":
        type_of(value, known)
    elif isinstance(value, Property) and text_of(value.name) in known.assigned:
        name = text_of(value.name) or ""
        raise refused(value, f'env.{name} may be null here, when it was not assigned: write "${{env.{name}}}"')
    elif type_of(value, known) != kind:
        raise refused(value, f"{name} of {call.name} has to be a {kind} here")


RESULTS = ("SUCCESS", "UNSTABLE", "FAILURE", "NOT_BUILT", "ABORTED")
