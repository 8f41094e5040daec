"""The section post."""

from __future__ import annotations

from jenkinsfile import vocabulary
from jenkinsfile.declarative.blocks import named_call, required_block
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.steps import check_plain_steps
from jenkinsfile.declarative.words import hint, in_words
from jenkinsfile.groovy import Call


def check_post(report: Report, call: Call) -> None:
    """``post { always { steps } }``."""
    body = required_block(report, call)
    if body is None:
        return
    if not body:
        report.add(call, "post is empty: it needs at least one condition")
    seen: set[str] = set()
    for statement in body:
        if isinstance(statement, Call) and statement.object is not None:
            named_call(report, statement, "a condition of post")
            continue
        name = statement.name if isinstance(statement, Call) else None
        if not isinstance(statement, Call) or name is None or statement.block is None:
            found = f"{name} without a block" if name else in_words(statement)
            report.add(statement, f"post holds conditions with a block such as always {{ ... }}, found {found}")
            continue
        if name not in vocabulary.CONDITIONS:
            report.add(statement, f"post has no condition {name!r}{hint(name, vocabulary.CONDITIONS)}")
        elif name in seen:
            report.add(statement, f"the condition {name} stands a second time in post")
        seen.add(name)
        check_plain_steps(report, statement)
