"""The axes of a matrix, and what is excluded."""

from __future__ import annotations

from jenkinsfile.declarative.blocks import named_call, read_sections, required_block
from jenkinsfile.declarative.environment import IDENTIFIER
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.words import in_words
from jenkinsfile.groovy import Call, Literal, text_of


def check_axes(report: Report, call: Call, exclude: bool = False) -> None:
    """The axes of a matrix, or of an ``exclude``."""
    body = required_block(report, call)
    if body is None:
        return
    if not body:
        report.add(call, f"{call.name} is empty: it needs at least one axis")
    seen: set[str] = set()
    for statement in body:
        axis = named_call(report, statement, "an axis")
        if axis is None:
            continue
        if axis.name != "axis" or axis.block is None:
            report.add(axis, f"expected axis {{ ... }}, found {axis.name}")
            continue
        title = check_axis(report, axis, exclude)
        if title in seen:
            report.add(axis, f"a second axis is called {title!r}")
        seen.add(title or "")


def check_axis(report: Report, axis: Call, exclude: bool) -> str | None:
    """One axis; returns its name."""
    known = ("name", "values", "notValues") if exclude else ("name", "values")
    fields = read_sections(report, axis, "axis", known)
    title = None
    if "name" not in fields:
        report.add(axis, "the axis has no name")
    else:
        arguments = fields["name"].arguments
        title = text_of(arguments[0]) if len(arguments) == 1 else None
        if title is None or not isinstance(arguments[0], Literal):
            report.add(fields["name"], "the name of an axis has to be one plain string")
        elif not IDENTIFIER.fullmatch(title):
            report.add(fields["name"], f"{title!r} can't be the name of an axis: it becomes an environment variable")
    choices = [fields[name] for name in ("values", "notValues") if name in fields]
    if not choices or not all(choice.arguments for choice in choices):
        report.add(axis, f"the axis has no {' or '.join(known[1:])}")
    if len(choices) > 1:
        report.add(choices[1], "an axis of an exclude has values or notValues, not both")
    for choice in choices:
        check_axis_values(report, choice)
    return title


def check_axis_values(report: Report, call: Call) -> None:
    """``values 'a', 'b'``."""
    seen: set[tuple[type, object]] = set()
    for value in call.arguments:
        if not isinstance(value, Literal):
            report.add(value, f"the values of an axis have to be plain, found {in_words(value)}")
        elif (type(value.value), value.value) in seen:  # to Groovy 1 is not true
            report.add(value, f"{in_words(value)} stands there twice")
        else:
            seen.add((type(value.value), value.value))


def check_excludes(report: Report, call: Call) -> None:
    """``excludes { exclude { axis { ... } } }``."""
    body = required_block(report, call)
    if body is None:
        return
    if not body:
        report.add(call, "excludes is empty: it needs at least one exclude")
    for statement in body:
        exclude = named_call(report, statement, "an exclude")
        if exclude is not None and exclude.name != "exclude":
            report.add(exclude, f"expected exclude {{ ... }}, found {exclude.name}")
        elif exclude is not None:
            check_axes(report, exclude, exclude=True)
