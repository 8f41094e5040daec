"""Comparing texts as Jenkins does: Ant's globs, regular expressions, equality."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from jenkinsfile import javaregex

#: what means something else in Python than in Java, or nothing at all
_JAVAS_OWN = re.compile(r"[*+?}]\+|\(\?[^:=!]|\\[^dDwWsSbB.\\/+*?()\[\]{}|^$nrt-]|\[[^\]]*(?:\[|&&)")


def is_common(pattern: str) -> bool:
    """Whether a regular expression means the same in Java and in Python."""
    if javaregex.fault(pattern) is not None or _JAVAS_OWN.search(pattern):
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def matches(pattern: str, text: str) -> bool:
    """Whether a regular expression matches the whole text: Java's ``String.matches``."""
    return re.fullmatch(pattern, text, re.ASCII) is not None


def finds(pattern: str, text: str) -> bool:
    """Whether a regular expression matches a part of the text."""
    return re.search(pattern, text, re.ASCII) is not None


def glob(pattern: str, path: str, *, case: bool = False) -> bool:
    """Ant's patterns: ``*`` within one part of a path, ``**`` over any number of parts; without case unless told."""
    if pattern.endswith("/"):
        pattern += "**"
    parts = pattern.split("/")
    written = "".join(_part(part, last=n == len(parts) - 1) for n, part in enumerate(parts))
    # a/** is a itself as well
    written = written.replace("/(?:.*)?\\Z", "(?:/.*)?\\Z")
    return re.match(written, path, 0 if case else re.IGNORECASE) is not None


def _part(part: str, last: bool) -> str:
    if part == "**":
        return "(?:.*)?\\Z" if last else "(?:[^/]*/)*"
    written = "".join({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)) for char in part)
    return written + ("\\Z" if last else "/")


def compare(comparator: str, pattern: str, text: str, *, case: bool = False) -> bool:
    """What a comparator of ``when`` says: ``GLOB``, ``REGEXP`` or ``EQUALS``."""
    if comparator == "GLOB":
        return glob(pattern, text, case=case)
    return matches(pattern, text) if comparator == "REGEXP" else pattern == text


def files(folder: Path, patterns: str, excludes: str = "") -> list[Path]:
    """The files below a folder that match one of some globs, separated by commas."""
    unwanted = list(_patterns(excludes))
    found = set()
    for pattern in _patterns(patterns):
        for path in _below(folder, pattern):
            name = path.relative_to(folder).as_posix()
            if glob(pattern, name, case=True) and not any(glob(other, name, case=True) for other in unwanted):
                found.add(path)
    return sorted(found)


def _below(folder: Path, pattern: str) -> Iterable[Path]:
    """The files that a glob can mean: those below its part without a wildcard."""
    for part in pattern.split("/"):
        if "*" in part or "?" in part:
            break
        folder /= part
    return [folder] if folder.is_file() else [path for path in folder.rglob("*") if path.is_file()]


def _patterns(text: str) -> Iterable[str]:
    return (pattern.strip() for pattern in text.split(",") if pattern.strip())
