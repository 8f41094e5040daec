"""Stages: one after the other, in parallel, in a matrix, within one another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from jenkinsfile import vocabulary
from jenkinsfile.declarative.agent import check_agent
from jenkinsfile.declarative.blocks import Check, check_flag, read_sections, required_block
from jenkinsfile.declarative.environment import check_environment
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.input import check_input
from jenkinsfile.declarative.matrix import check_axes, check_excludes
from jenkinsfile.declarative.options import check_parameters, check_stage_options, check_triggers
from jenkinsfile.declarative.post import check_post
from jenkinsfile.declarative.steps import check_steps
from jenkinsfile.declarative.tools import check_libraries, check_tools
from jenkinsfile.declarative.when import check_when
from jenkinsfile.declarative.words import in_words
from jenkinsfile.groovy import Call, Closure, Node, text_of

#: the sections that are the same at every level
DIRECTIVES: Mapping[str, Check] = {
    "agent": check_agent,
    "post": check_post,
    "environment": check_environment,
    "parameters": check_parameters,
    "triggers": check_triggers,
    "tools": check_tools,
    "libraries": check_libraries,
    "input": check_input,
    "when": check_when,
}


def check_stages(report: Report, call: Call, within_parallel: bool) -> None:
    """The stages in ``stages`` or ``parallel``."""
    body = required_block(report, call)
    if body is None:
        return
    if not body:
        report.add(call, f"{call.name} is empty: it needs at least one stage")
    seen: dict[str, int] = {}
    for statement in body:
        stage = check_stage(report, statement, within_parallel)
        if stage in seen:
            report.add(statement, f"a second stage is called {stage!r}, the first is in line {seen[stage]}")
        elif stage is not None:
            seen[stage] = statement.line


def check_stage(report: Report, statement: Node, within_parallel: bool) -> str | None:
    """Check one stage; returns its name."""
    if not (isinstance(statement, Call) and statement.name == "stage"):
        found = f"{statement.name}" if isinstance(statement, Call) and statement.name else in_words(statement)
        report.add(statement, f"expected a stage, found {found}")
        return None
    title = statement.arguments[0] if statement.arguments else None
    name = text_of(title)
    if title is None or isinstance(title, Closure):
        report.add(statement, "the stage has no name: stage('name') { ... }")
    elif name is None:
        report.add(title, f"the name of a stage has to be a plain string, found {in_words(title)}")
    if statement.block is None:
        report.add(statement, f"stage {name!r} has no block")
        return name
    check_stage_body(report, statement, name or "", within_parallel)
    return name


def check_stage_body(report: Report, stage: Call, name: str, within_parallel: bool) -> None:
    """The sections of a stage, and which of them go together."""
    where = f"stage {name!r}"
    sections = read_sections(report, stage, where, vocabulary.STAGE_SECTIONS, _OF_A_STAGE[within_parallel])
    contents = [sections[section] for section in vocabulary.CONTENTS if section in sections]
    contents.sort(key=lambda call: call.start)
    if not contents and not any(section not in vocabulary.STAGE_SECTIONS for section in sections):
        report.add(stage, f"{where} has nothing to do: it needs one of steps, stages, parallel or matrix")
    for second in contents[1:]:
        report.add(
            second, f"{where} can have only one of steps, stages, parallel and matrix, and has {contents[0].name}"
        )
    for branching in ("parallel", "matrix"):
        if branching not in sections:
            continue
        if within_parallel:
            report.add(sections[branching], f"{branching} can't stand within another parallel or matrix")
        for refused in ("agent", "tools"):
            if refused in sections:
                report.add(sections[refused], f"{where} can't have {refused}: it only holds {branching}")


def check_matrix(report: Report, call: Call) -> None:
    """``matrix { axes { ... } stages { ... } }``."""
    if required_block(report, call) is None:
        return
    sections = read_sections(report, call, "matrix", vocabulary.MATRIX_SECTIONS, _OF_A_MATRIX)
    for required in ("axes", "stages"):
        if required not in sections:
            report.add(call, f"the matrix has no {required}: the section is required")


def _of_a_stage(within_parallel: bool) -> Mapping[str, Check]:
    return {
        **DIRECTIVES,
        "steps": partial(check_steps, within_parallel=within_parallel),
        "stages": partial(check_stages, within_parallel=within_parallel),
        "parallel": partial(check_stages, within_parallel=True),
        "matrix": check_matrix,
        "options": check_stage_options,
        "failFast": check_flag,
    }


_OF_A_STAGE = {within_parallel: _of_a_stage(within_parallel) for within_parallel in (False, True)}
_OF_A_MATRIX: Mapping[str, Check] = {
    **DIRECTIVES,
    "stages": partial(check_stages, within_parallel=True),
    "axes": check_axes,
    "excludes": check_excludes,
    "options": check_stage_options,
}
