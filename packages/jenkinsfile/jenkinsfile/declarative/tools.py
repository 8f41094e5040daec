"""The sections tools and libraries."""

from __future__ import annotations

from jenkinsfile import vocabulary
from jenkinsfile.declarative.arguments import check_kind
from jenkinsfile.declarative.blocks import name_of, named_call, required_block
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.unknown import report_unknown
from jenkinsfile.declarative.words import in_words
from jenkinsfile.groovy import Call, Closure, ListLiteral, MapLiteral


def check_tools(report: Report, call: Call) -> None:
    """``tools { maven '3.9' }``."""
    body = required_block(report, call)
    if body is None:
        return
    if not body:
        report.add(call, "tools is empty: it needs at least one tool")
    for statement in body:
        tool = named_call(report, statement, "a tool with its version, such as jdk 'openjdk-21'")
        if tool is None:
            continue
        if len(tool.arguments) != 1:
            report.add(tool, f"the tool {tool.name} takes one version, found {len(tool.arguments)}")
        elif isinstance(tool.arguments[0], Closure | MapLiteral | ListLiteral):
            report.add(tool, f"the version of {tool.name} has to be a string, found {in_words(tool.arguments[0])}")
        elif (name := name_of(tool)) not in vocabulary.TOOLS and "." not in name:
            report_unknown(report, tool, "kind of tool", name, vocabulary.CORE_TOOLS)
            check_kind(report, tool.arguments[0], f"tool {tool.name}", "text")
        else:
            check_kind(report, tool.arguments[0], f"tool {tool.name}", "text")


def check_libraries(report: Report, call: Call) -> None:
    """``libraries { lib('name@version') }``."""
    body = required_block(report, call)
    if body is None:
        return
    if not body:
        report.add(call, "libraries is empty: it needs at least one lib")
    for statement in body:
        right = (
            isinstance(statement, Call)
            and statement.name == "lib"
            and len(statement.arguments) == 1
            and not isinstance(statement.arguments[0], Closure | MapLiteral | ListLiteral)
        )
        if not right:
            found = statement.name if isinstance(statement, Call) and statement.name else in_words(statement)
            report.add(statement, f"libraries holds lib('name@version'), found {found}")
