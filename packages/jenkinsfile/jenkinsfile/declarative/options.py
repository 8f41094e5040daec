"""The sections whose entries are calls with arguments: options, parameters, triggers."""

from __future__ import annotations

from collections.abc import Mapping

from jenkinsfile import vocabulary
from jenkinsfile.declarative.arguments import argument_values, check_arguments, check_values
from jenkinsfile.declarative.blocks import name_of, named_call, required_block
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.unknown import core, report_unknown
from jenkinsfile.groovy import Call, Closure, text_of
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
        elif name not in known and vocabulary.PIPELINE_OPTIONS.get(name):
            report.add(option, f"the option {name} is for the whole pipeline, not for a stage")
        elif name not in known:
            report_unknown(report, option, "option", name, core(known))
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
        report_unknown(report, call, what, name, core(table))
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
        if check_nested(report, entry, call.name or ""):
            check_values(report, entry.arguments)
            found.append(entry)
    return found


def check_nested(report: Report, call: Call, section: str) -> bool:
    """No block and no step of a pipeline in the arguments of an entry, nor in those of the calls in them; whether that is so."""
    right = True
    for value in argument_values(call):
        if isinstance(value, Closure):
            report.add(call, f"{text_of(call.method) or 'a call'} in {section} can't have a block")
            right = False
        elif isinstance(value, Call):
            if value.name == "node" or value.name in vocabulary.BLOCKED_STEPS:
                report.add(value, f"{value.name} can't be a value in {section}: it is a step of pipelines")
                right = False
            elif value.name != "$":
                right = check_nested(report, value, section) and right
    return right
