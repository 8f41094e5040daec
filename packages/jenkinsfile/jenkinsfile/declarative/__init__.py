"""Says what is wrong with a declarative pipeline, and where, without a controller.

Nearly every broken pipeline is valid Groovy: ``step { }`` for ``steps { }``, an agent without a value, a stage twice. So the
source is parsed as Groovy first, and then its tree is held against the reference: which sections stand where, which are
required, what each may hold, which arguments of which kind. What only a controller can know (is this library there, which
tools are installed, what does a custom step take) is not judged.

A module a section; ``check_X`` writes what is wrong with an X into a ``Report``.
"""

from __future__ import annotations

from dataclasses import dataclass

from jenkinsfile import groovy
from jenkinsfile.declarative.findings import Finding, Report
from jenkinsfile.declarative.script import check_script
from jenkinsfile.errors import GroovySyntaxError
from jenkinsfile.groovy import Call, Node

__all__ = ["Examined", "Finding", "check", "examine"]


@dataclass(frozen=True)
class Examined:
    """A source after its one parse.

    Attributes:
        findings: its faults in the order of its lines; none when it has none.
        pipeline: the call that makes its block ``pipeline``; None where there is none, or the source is not Groovy.
        notes: words that are no fault, and that only a controller can judge: its plugins may define them.
        outside: the statements around the block.
    """

    findings: tuple[Finding, ...]
    pipeline: Call | None
    notes: tuple[Finding, ...] = ()
    outside: tuple[Node, ...] = ()


def examine(source: str) -> Examined:
    """Parse a Jenkinsfile and check it."""
    try:
        script = groovy.parse(source)
    except GroovySyntaxError as error:
        return Examined((Finding(error.line, error.column, f"not Groovy: {error.message}"),), None)
    report = Report(source=source)
    pipeline = check_script(report, script)
    outside = tuple(statement for statement in script.statements if statement is not pipeline)
    return Examined(tuple(sorted(set(report.findings))), pipeline, tuple(sorted(set(report.notes))), outside)


def check(source: str) -> list[Finding]:
    """The faults of a Jenkinsfile, in the order of its lines; an empty list when there is none."""
    return list(examine(source).findings)
