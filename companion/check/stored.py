"""What nbval does not look at in a stored notebook: was it run, does it say what must not be said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from companion.check.faults import Rule, Subject, mapping, tags

IGNORED = "nbval-ignore-output"
MEANT = "raises-exception"
MOST_IGNORED = 0.2  # of the code cells
METADATA = {"companion", "kernelspec", "language_info"}
MACHINE_PATH = re.compile(
    r"(?<![\w./])/(?:root|home/\w+|Users/\w+|work|opt|mnt|srv|tmp|var|private|usr|nix)/[\w./-]+|[A-Z]:\\\\?\w"
)
REMOTE = re.compile(
    r"!\[[^\]]*\]\(\s*(?:https?:)?//|<(?:img|script|iframe|video|audio|link)[^>]*(?:src|href)=[\"'](?:https?:)?//", re.I
)
#: rule, what it is called, pattern: none of these may stand in an output
SAID = (
    ("machine-path", "a machine's path", MACHINE_PATH),
    ("object-address", "an object's address", re.compile(r"\b0x[0-9a-f]{6,}\b")),
    ("network-address", "a network address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}:\d+|\blocalhost:\d{2,}")),
    ("warning", "a warning", re.compile(r"\b\w*Warning: |\bWARNING\b")),
    ("remote", "a remote picture", REMOTE),
)


def metadata(subject: Subject) -> Rule:
    """The kernel is Python's, and nothing says whose machine it was."""
    found = mapping(subject.notebook.get("metadata"))
    kernel = mapping(found.get("kernelspec")).get("name")
    if kernel != "python3":
        yield subject.fault("metadata", "notebook", f"its kernel is {kernel or 'not named'}, not python3")
    if set(found) != METADATA:
        odd = ", ".join(sorted(set(found) ^ METADATA))
        yield subject.fault("metadata", "notebook", f"its metadata hold too much or too little: {odd}")


def executed(subject: Subject) -> Rule:
    """From top to bottom: nbval compares nothing in a cell that was never run."""
    counts = [cell.get("execution_count") for cell in subject.code]
    for number, (cell, count) in enumerate(zip(subject.code, counts, strict=True), 1):
        if count != number:
            seen = "was never run" if count is None else f"was run as number {count}"
            yield subject.fault("executed", cell, f"not executed from top to bottom in one go: it {seen}")
            return  # all that follow are as wrong


def ignored(subject: Subject) -> Rule:
    """Few cells are left out of the comparison."""
    number, all_ = sum(IGNORED in tags(cell) for cell in subject.code), len(subject.code)
    if number and number >= MOST_IGNORED * all_:
        yield subject.fault("ignored", "notebook", f"{number} of {all_} code cells are ignored: 20 % or more")


def said(subject: Subject) -> Rule:
    """Neither source nor outputs name a machine, an address, a warning."""
    for cell in subject.code:
        if match := MACHINE_PATH.search(cell.source):
            yield subject.fault("machine-path", cell, f"a machine's path in the source: {match[0]}")
        for kind, text in output_texts(cell):
            # an embedded recording is one long data: address
            text = re.sub(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]+", "", text)
            if kind == "stderr":
                yield subject.fault("stderr", cell, f"stderr in the output: {text[:80]!r}")
            for rule, name, pattern in SAID:
                if match := pattern.search(text):
                    yield subject.fault(rule, cell, f"{name} in the output ({kind}): {match[0][:80]!r}")
    for cell in subject.notebook.cells:
        if REMOTE.search(cell.source):
            yield subject.fault("remote", cell, "a picture or script from another server")


def errors(subject: Subject) -> Rule:
    """An error is tagged, really happens, and the next cell asserts that it did (nbval alone lets it go missing)."""
    for cell, following in pairwise([*subject.code, None]):
        raised = any(output.output_type == "error" for output in cell.get("outputs", []))
        meant = MEANT in tags(cell)
        if raised and not meant:
            yield subject.fault("error-untagged", cell, f"an error without the tag {MEANT}")
        if meant and not raised:
            yield subject.fault("error-missing", cell, f"tagged {MEANT}, but raised nothing")
        if meant and (following is None or "assert isinstance(sys.last_value" not in following.source):
            yield subject.fault("error-unasserted", cell, "the next cell does not assert the error (sys.last_value)")


def output_texts(cell: Any) -> Iterator[tuple[str, str]]:
    """Every text of a cell's outputs, with what kind of output it is."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield output.name, output.text
        elif output.output_type == "error":
            yield "error", "\n".join([output.ename, output.evalue, *output.traceback])
        else:
            for kind, text in output.data.items():
                if not kind.startswith(("image/", "audio/", "video/")):
                    yield kind, text if isinstance(text, str) else str(text)


CHECKS = (metadata, executed, ignored, said, errors)
