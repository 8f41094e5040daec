"""Whether the conditions of a ``when`` hold, and which of them can be said here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jenkinsfile import vocabulary
from jenkinsfile.declarative.blocks import body_of
from jenkinsfile.groovy import Call, Literal, MapLiteral, Name, Node, Statement, text_of
from jenkinsfile.pipeline import calls_in, named_arguments
from jenkinsfile.runner.known import Known, check_call, refused, type_of
from jenkinsfile.runner.patterns import compare, is_common
from jenkinsfile.runner.scope import Scope
from jenkinsfile.runner.strings import same, shown
from jenkinsfile.runner.values import evaluate

#: attributes of a change request, and the variables that a controller keeps them in
CHANGE = {
    "id": "CHANGE_ID",
    "target": "CHANGE_TARGET",
    "branch": "CHANGE_BRANCH",
    "fork": "CHANGE_FORK",
    "url": "CHANGE_URL",
    "title": "CHANGE_TITLE",
    "author": "CHANGE_AUTHOR",
    "authorDisplayName": "CHANGE_AUTHOR_DISPLAY_NAME",
    "authorEmail": "CHANGE_AUTHOR_EMAIL",
}


@dataclass(frozen=True)
class Facts:
    """What the caller says of the build that is rehearsed; None is what he does not say.

    Attributes:
        branch: its name; '' when the job has none.
        tag: its name; '' when no tag is built.
        change: the attributes of the change request that is built, by the names of ``CHANGE``; {} when it is none.
        cause: the class that started it, such as ``UserIdCause`` or ``TimerTrigger``.
        changes: the paths of the files that were changed since the build before.
    """

    branch: str | None = None
    tag: str | None = None
    change: Mapping[str, str] | None = None
    cause: str | None = None
    changes: Sequence[str] | None = None

    def variables(self) -> dict[str, str]:
        """The environment variables in which a controller says the same."""
        told = {"BRANCH_NAME": self.branch, "TAG_NAME": self.tag}
        told |= {CHANGE[name]: value for name, value in (self.change or {}).items()}
        return {name: value for name, value in told.items() if value}


def check_condition(call: Call, known: Known, facts: Facts, *, negated: bool = False) -> list[str]:
    """Refuse a condition that can't be said here; returns what has to be assumed of the build.

    Raises:
        PipelineError: it depends on the build, and the caller has not said it, or on the controller.
    """
    name = call.name or ""
    if name in vocabulary.WHEN_FLAGS:
        return []
    if name in ("allOf", "anyOf", "not"):
        inner = negated != (name == "not")
        return [note for each in calls_in(call) for note in check_condition(each, known, facts, negated=inner)]
    if name == "expression":
        _check_expression(call, known)
        return []
    if name not in _CONDITIONS:
        raise refused(call, f"the condition {name} is known on a controller only")
    kinds, fact = _CONDITIONS[name]
    check_call(call, known, kinds)
    _check_comparison(call)
    if name == "equals" and {type_of(value, known) for value in named_arguments(call).values()} == {"text", "number"}:
        raise refused(call, "a text and a number are not compared here: Groovy does it in its own way")
    if fact is None or getattr(facts, fact) is not None:
        return []
    if fact == "change" and negated:
        # what is not a change request runs this stage, and so does a rehearsal of a folder
        return [f"line {call.line}: {name}: this build is taken for none, say change= if it is one"]
    raise refused(call, f"the condition {name} depends on the build: say {fact}= to rehearse it")


def _check_expression(call: Call, known: Known) -> None:
    body = body_of(call)
    if len(body) != 1:
        raise refused(call, "an expression of more than one statement is known on a controller only")
    type_of(_returned(body[0]), known)


def _returned(statement: Node) -> Node:
    if isinstance(statement, Statement) and statement.keyword == "return" and statement.children:
        return statement.children[0]
    return statement


def _check_comparison(call: Call) -> None:
    """A comparator has to be plain, and a regular expression one that means the same here."""
    named = named_arguments(call)
    comparator = text_of(named.get("comparator")) if "comparator" in named else ""
    if comparator is None or isinstance(named.get("comparator"), Name):
        raise refused(call, f"the comparator of {call.name} has to be a plain text here")
    if comparator.upper() != "REGEXP":
        return
    for name, value in named.items():
        pattern = value.value if isinstance(value, Literal) else None
        if name in ("comparator", "name", "caseSensitive", "ignoreCase"):
            continue
        if not isinstance(pattern, str) or not is_common(pattern):
            raise refused(value, "this regular expression is not rehearsed: it may mean something else to Java")


_PATTERN = {"pattern": "text", "comparator": "unit"}
#: the arguments of each condition, and the fact that it depends on
_CONDITIONS: Mapping[str, tuple[Mapping[str, str], str | None]] = {
    "branch": (_PATTERN, "branch"),
    "tag": (_PATTERN, "tag"),
    "buildingTag": ({}, "tag"),
    "changeRequest": (dict.fromkeys(CHANGE, "text") | {"comparator": "unit"}, "change"),
    "changeset": (_PATTERN | {"caseSensitive": "flag"}, "changes"),
    "triggeredBy": ({"cause": "text"}, "cause"),
    "environment": ({"name": "text", "value": "text", "ignoreCase": "flag", "comparator": "unit"}, None),
    "equals": ({"expected": "any", "actual": "any"}, None),
    "isRestartedRun": ({}, None),
}


def holds(call: Call, scope: Scope, facts: Facts) -> bool:
    """Whether one condition holds."""
    match call.name:
        case name if name in vocabulary.WHEN_FLAGS:
            return True
        case "allOf":
            return all(holds(inner, scope, facts) for inner in calls_in(call))
        case "anyOf":
            return any(holds(inner, scope, facts) for inner in calls_in(call))
        case "not":
            (inner,) = calls_in(call)
            return not holds(inner, scope, facts)
        case "expression":
            return bool(evaluate(_returned(body_of(call)[0]), scope))
        case "environment":
            return _environment(call, scope)
        case "equals":
            return same(_value(call, "actual", scope), _value(call, "expected", scope))
        case "isRestartedRun":
            return False
    return _of_the_build(call, scope, facts)


def _of_the_build(call: Call, scope: Scope, facts: Facts) -> bool:
    comparator = str(_value(call, "comparator", scope, "") or "").upper()
    pattern = _value(call, "pattern", scope)
    match call.name:
        case "branch":
            return bool(facts.branch and pattern) and compare(_known(comparator), pattern, facts.branch or "")
        case "tag" | "buildingTag":
            return bool(facts.tag) and (not pattern or compare(_known(comparator), pattern, facts.tag or ""))
        case "changeRequest":
            asked = {name: _value(call, name, scope) for name in CHANGE}
            said = facts.change or {}
            return bool(said) and all(
                compare(_known(comparator, "EQUALS"), wanted, said.get(name, ""))
                for name, wanted in asked.items()
                if wanted is not None
            )
        case "triggeredBy":
            cause = str(_value(call, "cause", scope))
            return cause.rpartition(".")[2] == (facts.cause or "").rpartition(".")[2]
    case = bool(_value(call, "caseSensitive", scope, False))
    return any(compare(_known(comparator), pattern, path, case=case) for path in facts.changes or ())


def _known(comparator: str, default: str = "GLOB") -> str:
    """The comparator by its name; Jenkins takes the default for a name that it does not know."""
    return comparator if comparator in ("GLOB", "REGEXP", "EQUALS") else default


def _environment(call: Call, scope: Scope) -> bool:
    value = scope.seen().get(shown(_value(call, "name", scope)), "")
    wanted = shown(_value(call, "value", scope, ""))
    comparator = _known(str(_value(call, "comparator", scope, "") or "").upper(), "EQUALS")
    if _value(call, "ignoreCase", scope, False):
        value, wanted = value.lower(), wanted.lower()
    return compare(comparator, wanted, value, case=True)


def _value(call: Call, name: str, scope: Scope, default: Any = None) -> Any:
    named = named_arguments(call)
    if name in named:
        return evaluate(named[name], scope)
    first = next(iter(_CONDITIONS[call.name or ""][0]), None)
    plain = [value for value in call.arguments if not (isinstance(value, MapLiteral) and value.named)]
    return evaluate(plain[0], scope) if plain and name == first else default
