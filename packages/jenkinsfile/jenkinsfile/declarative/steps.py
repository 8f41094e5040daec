"""Steps: in a stage, in a condition of post, in the branches of the old step parallel."""

from __future__ import annotations

from jenkinsfile import vocabulary
from jenkinsfile.declarative.arguments import check_arguments, check_keys, check_values
from jenkinsfile.declarative.blocks import body_of, name_of, named_call, required_block
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.words import in_words
from jenkinsfile.groovy import Call, Closure, Literal, MapLiteral, Name, Node, text_of


def check_steps(report: Report, call: Call, within_parallel: bool = False) -> None:
    """The steps of a stage, which can be the old step parallel alone."""
    if len(body_of(call)) == 1:
        only = body_of(call)[0]
        if isinstance(only, Call) and only.name == "parallel":
            check_branches(report, only, within_parallel)
            return
    check_plain_steps(report, call)


def check_plain_steps(report: Report, call: Call) -> None:
    """The steps of a condition of post, or of a stage without branches."""
    body = required_block(report, call)
    if body is None:
        return
    if not body:
        report.add(call, f"{call.name} is empty: it needs at least one step")
    for statement in body:
        check_step(report, statement)


def check_branches(report: Report, call: Call, within_parallel: bool) -> None:
    """The step ``parallel`` with branches by name, the way of before 2017."""
    named = call.arguments[0] if len(call.arguments) == 1 else None
    entries = named.entries if isinstance(named, MapLiteral) and named.named else []
    branches = [key for key, _ in entries if text_of(key) != "failFast"]
    if not branches:
        report.add(
            call,
            "the step parallel needs its branches here, by name: parallel(a: { ... }, b: { ... }); else use script",
        )
    if within_parallel and len(branches) > 1:
        report.add(call, "parallel can't stand within another parallel or matrix")
    if not check_keys(report, call.arguments):
        return
    for key, value in entries:
        if text_of(key) == "failFast":
            if not (isinstance(value, Literal) and isinstance(value.value, bool)):
                report.add(key, "failFast takes true or false")
        elif isinstance(value, Closure):
            for statement in value.body:
                check_step(report, statement)
            if not value.body:
                report.add(key, f"the branch {text_of(key)!r} is empty: it needs at least one step")
        else:
            report.add(key, f"the branch {text_of(key)!r} of parallel has to be a block, found {in_words(value)}")


def check_step(report: Report, statement: Node) -> None:
    """One step, and those in its block."""
    call = step_call(report, statement)
    if call is None:
        return
    name = name_of(call)
    if name == "script":
        if call.block is None:
            report.add(call, "script needs a block: script { ... }")
        return
    if name == "$":
        report.add(call, "${...} can't be a step, it belongs into a string in double quotes")
        return
    if name in vocabulary.BLOCKED_STEPS:
        report.add(call, f"{name} can't be a step here: {vocabulary.BLOCKED_STEPS[name]}")
        return
    arguments = call.arguments[:-1] if call.block else call.arguments
    check_values(report, arguments)
    if not check_keys(report, arguments):
        return
    if signature := vocabulary.STEPS.get(name):
        check_arguments(report, call, name, arguments, signature, block=call.block is not None)
    if call.block:
        for inner in call.block.body:
            check_step(report, inner)


def step_call(report: Report, statement: Node) -> Call | None:
    """The statement as a step; reported where it is none."""
    if isinstance(statement, Name):
        known = statement.name in vocabulary.STEPS or statement.name == "script"
        add = f": write {statement.name}() or give it its arguments" if known else ""
        report.add(statement, f"expected a step, found the bare word {statement.name!r}{add}")
        return None
    if not isinstance(statement, Call):
        report.add(
            statement, f"expected a step, found {in_words(statement)}: Groovy code belongs into script {{ ... }}"
        )
        return None
    return named_call(report, statement, "a step")
