"""Whether the conditions of a ``when`` hold."""

from __future__ import annotations

from fnmatch import fnmatchcase

from jenkinsfile import vocabulary
from jenkinsfile.declarative.blocks import body_of
from jenkinsfile.groovy import Call, Statement
from jenkinsfile.pipeline import calls_in, named_arguments
from jenkinsfile.runner.scope import Scope
from jenkinsfile.runner.values import evaluate


def holds(call: Call, scope: Scope, branch: str | None) -> bool:
    """Whether one condition holds; ``branch`` is the name of the branch that is built, if it is known."""
    named = named_arguments(call)
    match call.name:
        case name if name in vocabulary.WHEN_FLAGS:
            return True
        case "allOf" | "anyOf":
            held = [holds(inner, scope, branch) for inner in calls_in(call)]
            return all(held) if call.name == "allOf" else any(held)
        case "not":
            (inner,) = calls_in(call)
            return not holds(inner, scope, branch)
        case "expression":
            return _expression(call, scope)
        case "branch":
            pattern = named.get("pattern") or call.arguments[0]
            return branch is not None and fnmatchcase(branch, str(evaluate(pattern, scope)))
        case "environment":
            return scope.variables.get(evaluate(named["name"], scope)) == evaluate(named["value"], scope)
        case "equals":
            return evaluate(named["expected"], scope) == evaluate(named["actual"], scope)
    # what a controller alone knows of a build does not hold here: a tag, a change request, a restart, its cause
    return False


def _expression(call: Call, scope: Scope) -> bool:
    value = None
    for statement in body_of(call):
        if isinstance(statement, Statement) and statement.keyword == "return":
            statement = statement.children[0]
        value = evaluate(statement, scope)
    return bool(value)
