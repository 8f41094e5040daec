"""The code within ``script { }`` that runs here as in Jenkins; the rest is refused before anything runs.

Declarations of a variable with its value, assignments to it, to ``env.NAME`` and to ``currentBuild.result``, ``if``, ``try`` with
one ``catch`` of every exception, ``throw`` of what was caught, ``return`` without a value; and steps, which ``steps`` runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeGuard

from jenkinsfile.groovy import Binary, Declaration, Literal, Name, Node, Property, Statement, text_of
from jenkinsfile.runner.known import RESULTS, Known, Local, is_controllers, is_plain, refused, type_of
from jenkinsfile.runner.results import Failed
from jenkinsfile.runner.scope import Scope
from jenkinsfile.runner.strings import shown
from jenkinsfile.runner.values import evaluate

#: how a variable may be declared, and of which type its value has to be then
_DECLARED = {"def": None, "String": "text", "boolean": "flag", "Boolean": "flag", "int": "number", "Integer": "number"}
#: what catches every error of a step, the interruption by a timeout among them
_CAUGHT = ("", "def", "Exception", "Throwable", "java . lang . Exception", "java . lang . Throwable")
#: names that mean something to Jenkins
_TAKEN = ("env", "params", "currentBuild", "scm")


class Returned(Exception):
    """``return``: the block that a step has been given ends here."""


def check_statement(statement: Node, known: Known, inside: Callable[[Iterable[Node], Known], None]) -> Known:
    """Refuse a statement that can't be rehearsed; returns what is known after it.

    Args:
        inside: checks the statements of an inner block.
    """
    match statement:
        case Declaration():
            return _check_declaration(statement, known)
        case Binary(operator="="):
            _check_assignment(statement, known)
        case Statement(keyword="if"):
            condition, *branches = statement.children
            type_of(condition, known)
            for branch in branches:
                inside(_body(branch), known)
        case Statement(keyword="try"):
            _check_try(statement, known, inside)
        case Statement(keyword="throw", children=[Name(name=name)]) if _is_error(name, known):
            pass
        case Statement(keyword="return", children=[]):
            pass
        case Statement():
            raise refused(statement, f"{statement.keyword} in a script block is known on a controller only")
        case Binary():
            raise refused(
                statement, f"the operator {statement.operator} in a script block is known on a controller only"
            )
        case _:
            raise refused(statement, "this code in a script block is known on a controller only")
    return known


def _check_declaration(statement: Declaration, known: Known) -> Known:
    if len(statement.names) != 1 or len(statement.values) != 1 or statement.type not in _DECLARED:
        raise refused(statement, "a script block declares one variable with its value here: def NAME = VALUE")
    name, value = statement.names[0], statement.values[0]
    _require_free(name, statement, known)
    found, wanted = type_of(value, known), _DECLARED[statement.type]
    if found not in ("text", "flag", "number") or wanted not in (None, found):
        raise refused(value, f"a variable that holds a {found} is not rehearsed as {statement.type}")
    return known.with_local(name, Local(found, wanted == "text" or is_plain(value, known)))


def _require_free(name: str, where: Node, known: Known) -> None:
    if name in _TAKEN or name in known.hidden or known.local(name):
        raise refused(where, f"{name} can't be declared here: the name is taken")


def _check_assignment(statement: Binary, known: Known) -> None:
    match statement.left:
        case Property(object=Name(name="env"), name=Name(name=name), operator="."):
            if name in known.settled or is_controllers(name):
                raise refused(
                    statement, f"env.{name} is set elsewhere, and what this assignment does then is not rehearsed"
                )
            if type_of(statement.right, known) != "text":
                raise refused(statement.right, f"env.{name} has to be a text here")
        case Property(object=Name(name="currentBuild"), name=Name(name="result"), operator="."):
            if not isinstance(statement.right, Literal) or statement.right.value not in RESULTS:
                raise refused(statement.right, f"currentBuild.result is one of {', '.join(RESULTS)} here")
        case Name(name=name) if (local := known.local(name)) and not _is_error(name, known):
            if type_of(statement.right, known) != local.type:
                raise refused(statement.right, f"{name} is a {local.type}, and has to stay one here")
            if local.plain and not is_plain(statement.right, known):
                raise refused(statement.right, f"{name} would become an interpolated string: take its toString()")
        case Name(name=name):
            raise refused(statement, f"{name} is no variable of this script block: declare it with def")
        case _:
            raise refused(statement, "what is assigned here is known on a controller only")


def _check_try(statement: Statement, known: Known, inside: Callable[[Iterable[Node], Known], None]) -> None:
    body, *clauses = statement.children
    inside(_body(body), known)
    if sum(_is(clause, "catch") for clause in clauses) > 1:
        raise refused(statement, "more than one catch is known on a controller only")
    for clause in clauses:
        assert isinstance(clause, Statement)
        within = known
        if _is(clause, "catch"):
            caught = clause.children[0]
            assert isinstance(caught, Declaration)
            if caught.type not in _CAUGHT:
                raise refused(clause, f"catch ({caught.type} ...) is known on a controller only: catch every Exception")
            _require_free(caught.names[0], clause, known)
            within = known.with_local(caught.names[0], Local("error"))
        inside(_body(clause.children[-1]), within)


def run_statement(statement: Node, scope: Scope, run: Callable[[Iterable[Node], Scope], None]) -> None:
    """Run a statement; ``run`` runs those of an inner block."""
    match statement:
        case Declaration():
            scope.locals[statement.names[0]] = _declared(statement, scope)
        case Binary(left=Property(object=Name(name="env"))):
            assert isinstance(statement.left, Property)
            value = shown(evaluate(statement.right, scope))
            with scope.build.lock:
                scope.build.assigned[text_of(statement.left.name) or ""] = value
        case Binary(left=Property()):
            scope.build.worsen(str(evaluate(statement.right, scope)).lower())
        case Binary(left=Name(name=name)):
            holder = next(names for names in scope.locals.maps if name in names)
            holder[name] = evaluate(statement.right, scope)
        case Statement(keyword="if"):
            condition, *branches = statement.children
            chosen = branches[:1] if evaluate(condition, scope) else branches[1:]
            for branch in chosen:
                run(_body(branch), scope.with_locals())
        case Statement(keyword="try"):
            _try(statement, scope, run)
        case Statement(keyword="throw", children=[Name(name=name)]):
            raise scope.locals[name]
        case Statement(keyword="return"):
            raise Returned


def _declared(statement: Declaration, scope: Scope) -> object:
    value = evaluate(statement.values[0], scope)
    if value is None and statement.type == "int":
        raise Failed(f"line {statement.line}: null is no int")
    return bool(value) if statement.type == "boolean" else value


def _try(statement: Statement, scope: Scope, run: Callable[[Iterable[Node], Scope], None]) -> None:
    body, *clauses = statement.children
    try:
        try:
            run(_body(body), scope.with_locals())
        except Failed as failure:
            catch = next((clause for clause in clauses if _is(clause, "catch")), None)
            if catch is None:
                raise
            within, caught = scope.with_locals(), catch.children[0]
            assert isinstance(caught, Declaration)
            within.locals[caught.names[0]] = failure
            run(_body(catch.children[-1]), within)
    except (Failed, Returned):
        _finally(clauses, scope, run)
        raise
    _finally(clauses, scope, run)


def _finally(clauses: Iterable[Node], scope: Scope, run: Callable[[Iterable[Node], Scope], None]) -> None:
    for clause in clauses:
        if _is(clause, "finally"):
            run(_body(clause.children[-1]), scope.with_locals())


def _is(node: Node, keyword: str) -> TypeGuard[Statement]:
    return isinstance(node, Statement) and node.keyword == keyword


def _is_error(name: str, known: Known) -> bool:
    local = known.local(name)
    return local is not None and local.type == "error"


def _body(node: Node) -> list[Node]:
    """The statements of a block, or the one statement that stands for it."""
    return node.children if _is(node, "block") else [node]
