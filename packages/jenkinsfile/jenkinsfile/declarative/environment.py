"""The section environment."""

from __future__ import annotations

import re

from jenkinsfile.declarative.arguments import check_values
from jenkinsfile.declarative.blocks import required_block
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.words import in_words
from jenkinsfile.groovy import Binary, Call, GString, Literal, Node, text_of

#: what can be the name of an environment variable
IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def check_environment(report: Report, call: Call) -> None:
    """``environment { NAME = value }``."""
    body = required_block(report, call)
    if body is None:
        return
    if not body:
        report.add(call, "environment is empty: it needs at least one variable")
    seen: set[str] = set()
    for statement in body:
        if not (isinstance(statement, Binary) and statement.operator == "="):
            report.add(statement, f"environment holds lines NAME = value, found {in_words(statement)}")
            continue
        name = text_of(statement.left)
        if name is None or not IDENTIFIER.fullmatch(name):
            shown = repr(name) if name else in_words(statement.left)
            report.add(statement, f"{shown} can't be the name of a variable: letters, digits and underscores")
        elif name in seen:
            report.add(statement, f"the variable {name} is set a second time")
        seen.add(name or "")
        check_environment_value(report, statement.right)


def check_environment_value(report: Report, value: Node) -> None:
    """A string, a call, or strings joined."""
    if isinstance(value, Literal | GString):
        return
    if isinstance(value, Call):
        check_values(report, [value])
        if value.name == "credentials" and not all(isinstance(a, Literal | GString) for a in value.arguments):
            report.add(value, "credentials takes a string, the id of the credentials")
    elif isinstance(value, Binary) and value.operator == "+":
        check_joined(report, value)
    elif isinstance(value, Binary):
        report.add(value, "the values of environment can only be joined with +")
    else:
        report.add(value, f"a value of environment is a string or a call, found {in_words(value)}: put it into quotes")


def check_joined(report: Report, value: Binary) -> None:
    """``'a' + 'b'``."""
    for side in (value.left, value.right):
        if isinstance(side, Binary):
            if side.operator == "+":
                check_joined(report, side)
            else:
                report.add(side, "the values of environment can only be joined with +")
        elif not isinstance(side, Literal | GString):
            report.add(side, f"only strings can be joined in environment, found {in_words(side)}: put it into quotes")
