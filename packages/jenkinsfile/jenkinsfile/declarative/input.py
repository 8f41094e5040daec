"""The section input."""

from __future__ import annotations

from jenkinsfile import vocabulary
from jenkinsfile.declarative.arguments import check_values
from jenkinsfile.declarative.blocks import read_sections, required_block
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.options import check_parameters
from jenkinsfile.groovy import Call


def check_input(report: Report, call: Call) -> None:
    """``input { message 'go on?' }``."""
    if required_block(report, call) is None:
        return
    fields = read_sections(report, call, "input", vocabulary.INPUT_FIELDS, _FIELDS)
    if "message" not in fields:
        report.add(call, "input needs a message")


def _check_field(report: Report, line: Call) -> None:
    if len(line.arguments) != 1 or line.block:
        report.add(line, f"{line.name} of input takes one value")
    else:
        check_values(report, line.arguments)


_FIELDS = {**dict.fromkeys(vocabulary.INPUT_FIELDS, _check_field), "parameters": check_parameters}
