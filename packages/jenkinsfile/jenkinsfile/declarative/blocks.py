"""What all sections have in common: a name, a block, statements that are calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeGuard

from jenkinsfile import vocabulary
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.words import hint, in_words
from jenkinsfile.groovy import Call, Literal, Node, text_of

#: says what is wrong with a section
Check = Callable[[Report, Call], None]


def name_of(call: Call) -> str:
    """The name of a call that has one: ``named_call`` has seen to it."""
    name = call.name
    assert name is not None
    return name


def body_of(call: Call | None) -> list[Node]:
    """The statements of a section's block; none where there is no block, or no section."""
    return call.block.body if call is not None and call.block is not None else []


def is_block(node: Node, name: str) -> TypeGuard[Call]:
    """Whether this is ``name { ... }``."""
    return isinstance(node, Call) and node.name == name and node.block is not None


def named_call(report: Report, statement: Node, wanted: str) -> Call | None:
    """The statement as a call by a fixed name; reported where it is something else."""
    if isinstance(statement, Call):
        if statement.object is not None and text_of(statement.object) != "this":
            if is_chain(report, statement):
                # agent { ... } steps { ... }: to Groovy that is a chain of calls
                report.add(statement, f"{text_of(statement.method)} has to begin on a line of its own")
            else:
                report.add(statement, f"expected {wanted}: methods of objects can be called in a script block only")
            return None
        if text_of(statement.method) is None:
            report.add(statement, f"expected {wanted}, found a call of something computed")
            return None
        if statement.object is not None:
            statement.object = None
        return statement
    report.add(statement, f"expected {wanted}, found {in_words(statement)}")
    return None


def is_chain(report: Report, call: Call) -> bool:
    """Whether two commands stand on one line: ``beforeAgent true branch 'main'``, no dot between them."""
    if not isinstance(call.object, Call) or not text_of(call.method):
        return False
    between = report.source[call.object.start : call.method.start].rstrip()
    return not between.endswith(".") if report.source else call.object.block is not None


def required_block(report: Report, call: Call) -> list[Node] | None:
    """The statements of a section's block; None, and reported, where it has no block."""
    if call.block is None:
        report.add(call, f"{call.name} needs a block: {call.name} {{ ... }}")
        return None
    return call.block.body


def read_sections(
    report: Report, container: Call, where: str, known: tuple[str, ...], checks: Mapping[str, Check] | None = None
) -> dict[str, Call]:
    """The sections of a block by name, each held against its check; unknown and repeated ones are reported."""
    found: dict[str, Call] = {}
    for statement in body_of(container):
        call = named_call(report, statement, f"a section of {where}")
        if call is None:
            continue
        name = name_of(call)
        if name in found:
            report.add(call, f"{name} stands a second time in {where}, the first is in line {found[name].line}")
            continue
        found[name] = call
        if name in known:
            if checks is not None:
                checks[name](report, call)
        elif where == "pipeline" and name in vocabulary.RENAMED:
            report.add(call, f"the section {name} is gone: use {vocabulary.RENAMED[name]}")
        else:
            report.add(call, f"{where} has no section {name!r}{hint(name, known)}")
    return found


def check_flag(report: Report, call: Call) -> None:
    """``name true`` or ``name false``."""
    value = call.arguments[0] if len(call.arguments) == 1 else None
    if not (isinstance(value, Literal) and isinstance(value.value, bool)):
        report.add(call, f"{call.name} takes true or false")
