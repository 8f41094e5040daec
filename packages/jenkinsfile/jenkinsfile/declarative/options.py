"""The sections whose entries are calls with arguments: options, parameters, triggers."""

from __future__ import annotations

from collections.abc import Mapping

from jenkinsfile import vocabulary
from jenkinsfile.declarative.arguments import argument_values, check_arguments, check_values
from jenkinsfile.declarative.blocks import name_of, named_call, required_block
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.words import hint
from jenkinsfile.groovy import Call, Closure
from jenkinsfile.vocabulary import Signature

_PIPELINE_OPTIONS = vocabulary.STAGE_OPTIONS | vocabulary.PIPELINE_OPTIONS
_KEPT = ("daysToKeepStr", "numToKeepStr", "artifactDaysToKeepStr", "artifactNumToKeepStr")
_LOG_ROTATOR = Signature(dict.fromkeys(_KEPT, "text") | {"removeLastBuild": "bool"}, ())


def check_stage_options(report: Report, call: Call) -> None:
    """The options of one stage."""
    _check_options(report, call, vocabulary.STAGE_OPTIONS)


def check_pipeline_options(report: Report, call: Call) -> None:
    """The options of the whole pipeline."""
    _check_options(report, call, _PIPELINE_OPTIONS)


def _check_options(report: Report, call: Call, known: Mapping[str, Signature | None]) -> None:
    seen: set[str] = set()
    for option in checked_entries(report, call, "an option"):
        name = name_of(option)
        if name in seen:
            report.add(option, f"the option {name} stands there twice")
        seen.add(name)
        if name in vocabulary.OPTIONS_MISPLACED:
            report.add(option, f"{name} is not an option: {vocabulary.OPTIONS_MISPLACED[name]}")
        elif name in vocabulary.PIPELINE_OPTIONS and name not in known:
            report.add(option, f"the option {name} is for the whole pipeline, not for a stage")
        elif name not in known:
            report.add(option, f"there is no option {name!r}{hint(name, tuple(known))}")
        elif signature := known[name]:
            check_arguments(report, option, name, option.arguments, signature)
            check_retention(report, option)


def check_retention(report: Report, option: Call) -> None:
    """The one option whose value is a call with arguments of its own."""
    for value in option.arguments:
        if isinstance(value, Call) and value.name == "logRotator":
            check_arguments(report, value, "logRotator", value.arguments, _LOG_ROTATOR)


def check_parameters(report: Report, call: Call) -> None:
    """The section parameters, of the pipeline or of an input."""
    for parameter in checked_entries(report, call, "a parameter"):
        check_known(report, parameter, "parameter", vocabulary.PARAMETERS)


def check_triggers(report: Report, call: Call) -> None:
    """The section triggers."""
    seen: set[str] = set()
    for trigger in checked_entries(report, call, "a trigger"):
        if trigger.name in seen:
            report.add(trigger, f"the trigger {trigger.name} stands there twice")
        seen.add(name_of(trigger))
        check_known(report, trigger, "trigger", vocabulary.TRIGGERS)


def check_known(report: Report, call: Call, what: str, table: Mapping[str, Signature | None]) -> None:
    """A call whose name is in a table, with the arguments that stand there."""
    name = name_of(call)
    if name not in table:
        report.add(call, f"there is no {what} {name!r}{hint(name, tuple(table))}")
    elif signature := table[name]:
        check_arguments(report, call, name, call.arguments, signature)


def checked_entries(report: Report, call: Call, wanted: str) -> list[Call]:
    """The calls in options, parameters or triggers, those without a fault of their form."""
    body = required_block(report, call)
    if body is None:
        return []
    if not body:
        report.add(call, f"{call.name} is empty: it needs at least one entry")
    found = []
    for statement in body:
        entry = named_call(report, statement, wanted)
        if entry is None:
            continue
        if any(isinstance(node, Closure) for node in argument_values(entry)):
            report.add(entry, f"{entry.name} in {call.name} can't have a block")
        else:
            check_values(report, entry.arguments)
            found.append(entry)
    return found
