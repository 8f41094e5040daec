"""Values of expressions and arguments of calls; ``known`` has seen before that they can be evaluated."""

from __future__ import annotations

from typing import Any

from jenkinsfile import vocabulary
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
from jenkinsfile.runner.patterns import finds, matches
from jenkinsfile.runner.processes import shell
from jenkinsfile.runner.results import Failed
from jenkinsfile.runner.scope import Scope
from jenkinsfile.runner.strings import METHODS, same, shown

_SECONDS = dict(zip(vocabulary.TIME_UNITS, (1e-9, 1e-6, 1e-3, 1, 60, 3600, 86400), strict=True))
NO_NODE = (
    "Attempted to execute a step that requires a node context while 'agent none' was specified. "
    "Be sure to specify your own 'node { ... }' blocks when using 'agent none'."
)


def evaluate(node: Node, scope: Scope) -> Any:
    """The value of an expression in Python's types; Failed when Jenkins fails there."""
    match node:
        case Literal():
            return node.value
        case GString():
            return "".join(part if isinstance(part, str) else shown(evaluate(part, scope)) for part in node.parts)
        case ListLiteral():
            return [evaluate(item, scope) for item in node.items]
        case Name():
            if node.name in scope.locals:
                return scope.locals[node.name]
            if node.name not in (seen := scope.seen()):
                raise Failed(f"line {node.line}: No such property: {node.name}")
            return seen[node.name]
        case Property(object=Name(name="params")):
            return scope.parameters.get(text_of(node.name) or "")
        case Index(object=Name(name="params"), keys=[Literal(value=str(name))]):
            return scope.parameters.get(name)
        case Property(object=Name(name="env")):
            return scope.seen().get(text_of(node.name) or "")
        case Unary(operator="!"):
            return not evaluate(node.operand, scope)
        case Ternary():
            condition = evaluate(node.condition, scope)
            if node.yes is None:
                return condition or evaluate(node.no, scope)
            return evaluate(node.yes if condition else node.no, scope)
        case Binary():
            return _calculated(node, scope)
        case Call() if node.object is not None:
            return _answered(node, evaluate(node.object, scope), scope)
        case Call():
            return run_shell(node, scope)
    raise AssertionError(f"line {node.line}: the plan has let this through")


def _answered(node: Call, holder: Any, scope: Scope) -> Any:
    """What a method answers; null has none."""
    name = text_of(node.method) or ""
    if holder is None:
        if node.operator == "?.":
            return None
        raise Failed(f"line {node.line}: Cannot invoke method {name}() on null object")
    method = METHODS[name]
    given = [evaluate(argument, scope) for argument in node.arguments]
    if None in given and name == "equalsIgnoreCase":
        return False
    if None in given and "text" in method.arguments:
        raise Failed(f"line {node.line}: {name} of null")
    return method.run(holder, *given)


def _calculated(node: Binary, scope: Scope) -> Any:
    left = evaluate(node.left, scope)
    if node.operator == "&&":
        return bool(left) and bool(evaluate(node.right, scope))
    if node.operator == "||":
        return bool(left) or bool(evaluate(node.right, scope))
    right = evaluate(node.right, scope)
    if node.operator in ("==", "!="):
        return same(left, right) == (node.operator == "==")
    if node.operator in ("in", "==~", "=~"):
        if node.operator == "in":
            return left in right
        return (matches if node.operator == "==~" else finds)(right, shown(left))
    if node.operator == "+":
        return left + right if isinstance(left, int) else shown(left) + shown(right)
    compared = {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}
    return compared[node.operator]


def argument(call: Call, name: str, scope: Scope, default: Any = None) -> Any:
    """The value of an argument by its name, or of the one without a name."""
    named = named_arguments(call)
    if name in named:
        return evaluate(named[name], scope)
    plain = [value for value in call.arguments if not isinstance(value, MapLiteral | Closure)]
    signature = vocabulary.STEPS.get(call.name or "") or vocabulary.STAGE_OPTIONS.get(call.name or "")
    if plain and signature and signature.single == name:
        return evaluate(plain[0], scope)
    return default


def text(call: Call, name: str, scope: Scope, default: str | None = None) -> str:
    """The value of an argument that is a text; Failed when it is null."""
    value = argument(call, name, scope, default)
    if value is None:
        raise Failed(f"line {call.line}: {name} of {call.name} is null")
    return str(value)


def duration(call: Call, scope: Scope, unit: str) -> float:
    """Seconds of a ``timeout`` or a ``sleep``; ``unit`` where the call names none."""
    seconds = _SECONDS[argument(call, "unit", scope, unit)]
    return float(argument(call, "time", scope) * seconds)


def count(call: Call, scope: Scope) -> int:
    """How often a ``retry`` tries."""
    return max(1, int(argument(call, "count", scope)))


def run_shell(call: Call, scope: Scope) -> str | int | None:
    """The step ``sh``: its output or its exit code where that is asked for; Failed for any other code than 0."""
    if not scope.node:
        raise Failed(NO_NODE)
    script = text(call, "script", scope)
    capture = bool(argument(call, "returnStdout", scope, False))
    code, printed = shell(script, scope, capture=capture)
    if argument(call, "returnStatus", scope, False):
        return code
    if code:
        first = next(iter(script.strip().splitlines()), "")
        raise Failed(f"line {call.line}: {first[:60]!r} ended with exit code {code}")
    return printed if capture else None
