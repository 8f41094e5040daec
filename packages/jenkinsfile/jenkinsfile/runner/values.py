"""Values of expressions, arguments of calls: what of them can be known without a controller."""

from __future__ import annotations

import os
import re
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
from jenkinsfile.runner.processes import shell
from jenkinsfile.runner.results import Failed
from jenkinsfile.runner.scope import Scope

_SECONDS = dict(zip(vocabulary.TIME_UNITS, (1e-9, 1e-6, 1e-3, 1, 60, 3600, 86400), strict=True))


def shown(value: object) -> str:
    """A value as Groovy prints it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def evaluate(node: Node, scope: Scope) -> Any:
    """The value of an expression in Python's types; Failed when only a controller knows it."""
    match node:
        case Literal():
            return node.value
        case GString():
            return "".join(part if isinstance(part, str) else shown(evaluate(part, scope)) for part in node.parts)
        case ListLiteral():
            return [evaluate(item, scope) for item in node.items]
        case Name() if node.name in scope.variables:
            return scope.variables[node.name]
        case Name() if node.name in scope.parameters:
            return scope.parameters[node.name]
        case Property(object=Name(name="params")):
            return scope.parameters.get(text_of(node.name) or "")
        case Property(object=Name(name="env")):
            return {**os.environ, **scope.variables}.get(text_of(node.name) or "")
        case Unary(operator="!"):
            return not evaluate(node.operand, scope)
        case Ternary():
            condition = evaluate(node.condition, scope)
            if node.yes is None:
                return condition or evaluate(node.no, scope)
            return evaluate(node.yes if condition else node.no, scope)
        case Binary():
            return _calculated(node, scope)
        case Call() if node.object is not None and text_of(node.method) == "trim":
            return str(evaluate(node.object, scope)).strip()
        case Call() if node.name == "sh":
            return run_shell(node, scope, capture=True)
    raise Failed(f"line {node.line}: this expression is known on a controller only")


def _calculated(node: Binary, scope: Scope) -> Any:
    left = evaluate(node.left, scope)
    if node.operator == "&&":
        return bool(left) and bool(evaluate(node.right, scope))
    if node.operator == "||":
        return bool(left) or bool(evaluate(node.right, scope))
    right = evaluate(node.right, scope)
    if node.operator in ("==", "!="):
        return (left == right) == (node.operator == "==")
    if node.operator == "+":
        return shown(left) + shown(right) if isinstance(left, str) or isinstance(right, str) else left + right
    if node.operator in ("==~", "=~"):
        return bool((re.fullmatch if node.operator == "==~" else re.search)(str(right), str(left)))
    raise Failed(f"line {node.line}: {node.operator} is known on a controller only")


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


def duration(call: Call, scope: Scope, unit: str) -> float:
    """Seconds of a ``timeout`` or a ``sleep``; ``unit`` where the call names none."""
    return argument(call, "time", scope) * _SECONDS[argument(call, "unit", scope, unit)]


def count(call: Call, scope: Scope) -> int:
    """How often a ``retry`` tries."""
    return max(1, int(argument(call, "count", scope)))


def run_shell(call: Call, scope: Scope, *, capture: bool = False) -> str | None:
    """The step ``sh``; with ``capture`` what it prints is its value, and not part of the output."""
    script = str(argument(call, "script", scope))
    variables = {**os.environ, **{name: shown(value) for name, value in scope.parameters.items()}, **scope.variables}
    code, printed = shell(script, variables, scope, quiet=capture)
    if code and not argument(call, "returnStatus", scope, False):
        raise Failed(f"line {call.line}: {script.strip().splitlines()[0][:60]!r} ended with exit code {code}")
    return "\n".join(printed) if capture else None
