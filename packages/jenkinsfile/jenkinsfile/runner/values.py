"""Values of expressions and arguments of calls; ``known`` has seen before that they can be evaluated."""

from __future__ import annotations

from typing import Any

from jenkinsfile import vocabulary
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
from jenkinsfile.runner.patterns import finds, matches
from jenkinsfile.runner.processes import shell
from jenkinsfile.runner.results import Failed
from jenkinsfile.runner.scope import Scope

_SECONDS = dict(zip(vocabulary.TIME_UNITS, (1e-9, 1e-6, 1e-3, 1, 60, 3600, 86400), strict=True))
_BLANK = "".join(map(chr, range(33)))  # what Java's trim takes away
NO_NODE = (
    "Attempted to execute a step that requires a node context while 'agent none' was specified. "
    "Be sure to specify your own 'node { ... }' blocks when using 'agent none'."
)


def shown(value: object) -> str:
    """A value as Groovy prints it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def same(one: object, other: object) -> bool:
    """Groovy's ``==``: a flag is never a number, nor a text either of them."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


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
            if node.name not in scope.variables:
                raise Failed(f"line {node.line}: No such property: {node.name}")
            return scope.variables[node.name]
        case Property(object=Name(name="params")):
            return scope.parameters.get(text_of(node.name) or "")
        case Property(object=Name(name="env")):
            return scope.variables.get(text_of(node.name) or "")
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
            return str(evaluate(node.object, scope)).strip(_BLANK)
        case Call():
            return run_shell(node, scope)
    raise AssertionError(f"line {node.line}: the plan has let this through")


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
