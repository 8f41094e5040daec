"""The section agent."""

from __future__ import annotations

from jenkinsfile import vocabulary
from jenkinsfile.declarative.arguments import check_kind, check_values
from jenkinsfile.declarative.blocks import body_of, name_of, named_call
from jenkinsfile.declarative.findings import Report
from jenkinsfile.declarative.unknown import core, report_unknown
from jenkinsfile.declarative.words import hint, near_miss
from jenkinsfile.groovy import Call, text_of
from jenkinsfile.vocabulary import Signature


def check_agent(report: Report, call: Call) -> None:
    """``agent any``, ``agent none``, ``agent { kind ... }``."""
    body = call.block.body if call.block else None
    if body is None:
        word = text_of(call.arguments[0]) if len(call.arguments) == 1 else None
        if word not in ("any", "none"):
            found = f", found {word!r}" if word else ""
            report.add(call, f"agent takes any, none or a block{found}")
        return
    if len(body) != 1:
        report.add(call, f"the block of agent holds one kind of agent, found {len(body)}")
        return
    inner = named_call(report, body[0], "a kind of agent with its value")
    if inner is None:
        return
    name = name_of(inner)
    if name not in vocabulary.AGENTS:
        report_unknown(report, inner, "agent", name, core(vocabulary.AGENTS))
        checked_form(report, inner)
        return
    check_agent_arguments(report, inner, vocabulary.AGENTS[name])


def checked_form(report: Report, inner: Call) -> dict[str, Call] | None:
    """The lines of an agent's block by key; None where it has a value instead, or neither."""
    if len(inner.arguments) != 1:
        report.add(inner, f"the agent {inner.name} takes one value or a block, found {len(inner.arguments)}")
        return None
    if not inner.block:
        check_values(report, inner.arguments)
        return None
    return checked_keys(report, inner)


def check_agent_arguments(report: Report, inner: Call, signature: Signature | None) -> None:
    """The value or the block of one kind of agent; without a signature its plugin checks."""
    keys = checked_form(report, inner)
    if signature is None:
        return
    if keys is None:
        if signature.single and len(inner.arguments) == 1 and not inner.block:
            check_kind(report, inner.arguments[0], f"agent {inner.name}", signature.kinds[signature.single])
        return
    for key, place in keys.items():
        if key in signature.kinds:
            continue
        if inner.name in vocabulary.GROWING_AGENTS and not near_miss(key, signature.kinds):
            report.note(place, f"the agent {inner.name} is not known to have {key!r}: its plugin may be newer")
        else:
            report.add(place, f"the agent {inner.name} has no {key!r}{hint(key, tuple(signature.kinds))}")
    for required in signature.required:
        if required not in keys:
            report.add(inner, f"the agent {inner.name} needs {required}")


def checked_keys(report: Report, call: Call) -> dict[str, Call]:
    """A block of ``key value`` lines, or of ``key { ... }``: its lines by key."""
    found: dict[str, Call] = {}
    for statement in body_of(call):
        line = named_call(report, statement, "a line of key and value")
        if line is None:
            continue
        found[name_of(line)] = line
        if len(line.arguments) != 1:
            report.add(line, f"{line.name} takes one value, found {len(line.arguments)}")
        elif line.block:
            checked_keys(report, line)
        else:
            check_values(report, line.arguments)
    return found
