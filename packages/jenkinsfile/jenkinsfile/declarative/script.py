"""The file as a whole: where the block pipeline stands, and its sections."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from jenkinsfile import groovy, vocabulary
from jenkinsfile.declarative.blocks import Check, is_block, read_sections
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.options import check_pipeline_options
from jenkinsfile.declarative.stages import DIRECTIVES, check_stages
from jenkinsfile.groovy import Call, Script, text_of

_OF_THE_PIPELINE: Mapping[str, Check] = {
    **DIRECTIVES,
    "stages": partial(check_stages, within_parallel=False),
    "options": check_pipeline_options,
}


def find_pipeline(script: Script) -> Call | None:
    """The block ``pipeline``: at the top, or in a shared library's method ``call``."""
    for statement in script.statements:
        if is_block(statement, "pipeline"):
            return statement
    for statement in script.statements:
        if isinstance(statement, groovy.Statement) and statement.keyword == "method":
            name, *body = statement.children
            if text_of(name) == "call":
                found = [node for node in groovy.walk(body) if is_block(node, "pipeline")]
                if found:
                    return found[0]
    return None


def check_script(report: Report, script: Script) -> Call | None:
    """The one block pipeline, where it has to stand; returns it."""
    pipeline = find_pipeline(script)
    if pipeline is None:
        _report_missing(report, script)
        return None
    check_pipeline(report, pipeline)
    after = script.statements.index(pipeline) + 1 if pipeline in script.statements else len(script.statements)
    for extra in script.statements[after:]:
        if is_block(extra, "pipeline"):
            report.add(extra, "a run can have only one pipeline block, this is the second")
    return pipeline


def _report_missing(report: Report, script: Script) -> None:
    nested = [node for node in groovy.walk(script) if isinstance(node, Call) and node.name == "pipeline"]
    for node in nested:
        if node.block is None:
            report.add(node, "pipeline needs a block: pipeline { ... }")
        else:
            report.add(node, "the block pipeline has to stand at the top of the file, not within another block")
    if not nested:
        first = script.statements[0] if script.statements else script
        report.add(first, "no pipeline block: this is not a declarative pipeline")


def check_pipeline(report: Report, pipeline: Call) -> None:
    """The sections of the pipeline."""
    sections = read_sections(report, pipeline, "pipeline", vocabulary.PIPELINE_SECTIONS, _OF_THE_PIPELINE)
    for required in ("agent", "stages"):
        if required not in sections:
            report.add(pipeline, f"the pipeline has no {required}: the section is required")
