"""The section environment: its variables see one another, whatever their order."""

from __future__ import annotations

from dataclasses import replace

from jenkinsfile.declarative.blocks import body_of
from jenkinsfile.groovy import Binary, Call, Literal, Name, Node, Property, text_of, walk
from jenkinsfile.runner.known import Known, refused, type_of
from jenkinsfile.runner.scope import Scope
from jenkinsfile.runner.strings import shown
from jenkinsfile.runner.values import evaluate


def check_environment(section: Call | None, known: Known) -> Known:
    """What is known within a section environment; PipelineError when a value can't be evaluated here."""
    values = _in_order(section)
    inner = known
    for name, value in values.items():
        if type_of(value, inner) in ("list", "match"):
            raise refused(value, f"{name} has to be a text here")
        inner = inner.with_variables([name])
    # an empty value unsets a variable
    empty = {name for name, value in values.items() if isinstance(value, Literal) and value.value == ""}
    return replace(inner, variables=inner.variables - empty)


def set_environment(section: Call | None, scope: Scope) -> None:
    """Set the variables of a section environment."""
    inner = scope.inside()
    values = {}
    for name, value in _in_order(section).items():
        values[name] = inner.variables[name] = shown(evaluate(value, inner))
    scope.override(values)


def _in_order(section: Call | None) -> dict[str, Node]:
    """The values by name, each after those that it names; a variable that names itself means the one outside."""
    left: dict[str, Node] = {}
    for line in body_of(section):
        if isinstance(line, Binary) and (name := text_of(line.left)):
            left[name] = line.right
    ordered: dict[str, Node] = {}
    while left:
        ready = [name for name, value in left.items() if not (_named(value) & set(left)) - {name}]
        if not ready:
            first = next(iter(left.values()))
            raise refused(first, f"the variables {', '.join(left)} name one another in a circle")
        ordered[ready[0]] = left.pop(ready[0])
    return ordered


def _named(value: Node) -> set[str]:
    """The variables that an expression names."""
    names = {node.name for node in walk(value) if isinstance(node, Name)}
    properties = [node for node in walk(value) if isinstance(node, Property)]
    return names | {
        text_of(node.name) or "" for node in properties if isinstance(node.object, Name) and node.object.name == "env"
    }
