"""The section when."""

from __future__ import annotations

from jenkinsfile import javaregex, vocabulary
from jenkinsfile.declarative.arguments import check_arguments, check_values
from jenkinsfile.declarative.blocks import check_flag, name_of, named_call, required_block
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.unknown import report_unknown
from jenkinsfile.groovy import Call, Literal, MapLiteral, text_of


def check_when(report: Report, call: Call) -> None:
    """``when { conditions }``."""
    body = required_block(report, call)
    if body is None:
        return
    conditions = 0
    for statement in body:
        inner = named_call(report, statement, "a condition")
        if inner is None:
            conditions += 1
        elif inner.name in vocabulary.WHEN_FLAGS:
            check_flag(report, inner)
        else:
            conditions += 1
            check_condition(report, inner)
    if not conditions:
        report.add(call, "when is empty: it needs at least one condition")


def check_condition(report: Report, call: Call) -> None:
    """One condition of when."""
    name = name_of(call)
    known = ("expression", *vocabulary.NESTING, *vocabulary.WHEN)
    if name not in known:
        report_unknown(report, call, "condition", name, known, where="when has")
    elif name == "expression":
        if call.block is None:
            report.add(call, "expression needs a block: expression { ... }")
    elif name in vocabulary.NESTING:
        check_nested(report, call, vocabulary.NESTING[name])
    elif call.block is not None:
        report.add(call, f"the condition {name} takes no block")
    elif signature := vocabulary.WHEN[name]:
        check_values(report, call.arguments)
        check_arguments(report, call, name, call.arguments, signature, single=vocabulary.WHEN_SINGLE.get(name))
        check_pattern(report, call, name)


def check_nested(report: Report, call: Call, count: int) -> None:
    """A condition that holds others: ``count`` of them, or any number for 0."""
    if call.block is None or len(call.arguments) > 1:
        report.add(call, f"the condition {call.name} takes a block of conditions and nothing else")
        return
    body = call.block.body
    if not body or (count and len(body) != count):
        wanted = "exactly one condition" if count else "at least one condition"
        report.add(call, f"{call.name} holds {wanted}, found {len(body)}")
    for statement in body:
        inner = named_call(report, statement, "a condition")
        if inner is not None:
            check_condition(report, inner)


def check_pattern(report: Report, call: Call, name: str) -> None:
    """A fixed regular expression, of changelog or of comparator REGEXP, has to be one by Java's rules."""
    first = call.arguments[0] if call.arguments else None
    named = {text_of(key): value for key, value in first.entries} if isinstance(first, MapLiteral) else {}
    comparator = text_of(named.get("comparator"))
    pattern = named.get("pattern") if named else first
    if name != "changelog" and (comparator or "").upper() != "REGEXP":
        return
    if isinstance(pattern, Literal) and isinstance(pattern.value, str):
        fault = javaregex.fault(pattern.value)
        if fault:
            report.add(pattern, f"the pattern of {name} is not a valid regular expression: {fault}")
