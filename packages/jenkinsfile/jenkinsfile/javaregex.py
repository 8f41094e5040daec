"""Whether a text is a regular expression by Java's rules, as far as Java and Python disagree on them.

Source: the javadoc of java.util.regex.Pattern and the messages of its parser. Only what Java certainly refuses is a fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_ESCAPED_LETTERS = frozenset("aAbBcdDefGhHkntNpPQrRsSuvVwWxXzZ")
_COMMENTS = re.compile(r"\(\?[a-zA-Z]*x")
_CODES = {
    "x": re.compile(r"[0-9a-fA-F]{2}|\{[0-9a-fA-F]+\}"),
    "0": re.compile(r"[0-7]{1,2}|[0-3][0-7]{2}"),
    "u": re.compile(r"[0-9a-fA-F]{4}"),
    "N": re.compile(r"\{[^}]+\}"),
}
_FLAGS = frozenset("idmsuxU-")


def fault(pattern: str) -> str | None:
    """What Java says is wrong with a pattern; None when it takes it."""
    if _COMMENTS.search(pattern):  # spaces and comments within: nearly anything goes
        return None
    try:
        at = _alternatives(pattern, 0)
        if at < len(pattern):
            raise _Fault(f"unmatched ) at position {at}")
    except _Fault as error:
        return str(error)
    return None


class _Fault(Exception):
    pass


def _alternatives(text: str, at: int) -> int:
    """Read up to the end, or to a closing parenthesis that belongs to somebody else."""
    fresh = True  # nothing stands here that * + or ? could repeat
    while at < len(text) and text[at] != ")":
        char = text[at]
        if char in "*+?":
            if fresh:
                raise _Fault(f"dangling {char} at position {at}: there is nothing to repeat")
            at, fresh = _after_suffix(text, at + 1), True
        elif char == "{":
            at, fresh = _counted(text, at), True
        elif char == "|":
            at, fresh = at + 1, True
        else:
            at, fresh = _READERS.get(char, _one)(text, at), False
    return at


def _one(text: str, at: int) -> int:
    return at + 1


def _after_suffix(text: str, at: int) -> int:
    """``*?`` and ``*+``: lazy and possessive."""
    return at + 1 if text[at : at + 1] in ("?", "+") else at


def _counted(text: str, at: int) -> int:
    """``{2}``, ``{2,}``, ``{2,3}``: a brace that holds no number is a fault, unlike in Python."""
    end = text.find("}", at)
    low, comma, high = text[at + 1 : end if end > 0 else len(text)].partition(",")
    if not low[:1].isdigit():
        raise _Fault(f"illegal repetition at position {at}: a brace needs a number, or a backslash before it")
    if end < 0 or not low.isdigit() or (comma and high and not high.isdigit()):
        raise _Fault(f"unclosed repetition at position {at}")
    if comma and high and int(high) < int(low):
        raise _Fault(f"illegal repetition at position {at}: {low} is more than {high}")
    return _after_suffix(text, end + 1)


def _escaped(text: str, at: int) -> int:
    """A backslash and what it makes special."""
    char = text[at + 1 : at + 2]
    if not char:
        raise _Fault("a backslash ends the pattern")
    if char.isascii() and char.isalpha() and char not in _ESCAPED_LETTERS:
        raise _Fault(f"unknown escape \\{char} at position {at}")
    if char == "Q":
        end = text.find("\\E", at)
        return len(text) if end < 0 else end + 2
    if char in "pP" and text[at + 2 : at + 3] == "{":
        end = text.find("}", at)
        if end < 0:
            raise _Fault(f"unclosed \\{char} at position {at}")
        return end + 1
    if char in "x0uN":
        match = _CODES[char].match(text, at + 2)
        if not match:
            raise _Fault(f"illegal \\{char} at position {at}")
        return match.end()
    if char == "k":
        end = text.find(">", at)
        if text[at + 2 : at + 3] != "<" or end < 0:
            raise _Fault(f"\\k at position {at} needs a name: \\k<name>")
        return end + 1
    return at + 2


def _class(text: str, at: int) -> int:
    """``[a-z]``, with classes in it perhaps."""
    begin = at
    at += 2 if text[at + 1 : at + 2] == "^" else 1
    first = True
    while at < len(text):
        char = text[at]
        if char == "]" and not first:
            return at + 1
        if char == "[":
            at = _class(text, at)
        elif char == "\\":
            at = _escaped(text, at)
        else:
            after = text[at + 2 : at + 3]
            if text[at + 1 : at + 2] == "-" and after and after not in "[]\\" and after < char:
                raise _Fault(f"illegal range {char}-{after} at position {at}")
            at += 1
        first = False
    raise _Fault(f"the [ at position {begin} is never closed")


def _group(text: str, at: int) -> int:
    """``( ... )``, a group of any kind."""
    begin, at = at, at + 1
    if text[at : at + 1] == "?":
        at = _group_kind(text, at + 1)
        if text[at - 1] == ")":  # (?i)
            return at
    at = _alternatives(text, at)
    if at >= len(text):
        raise _Fault(f"the ( at position {begin} is never closed")
    return at + 1


def _group_kind(text: str, at: int) -> int:
    """What follows ``(?``."""
    char = text[at : at + 1]
    if char in (":", "=", "!", ">"):
        return at + 1
    if char == "<":
        if text[at + 1 : at + 2] in ("=", "!"):
            return at + 2
        end = text.find(">", at)
        name = text[at + 1 : max(end, 0)]
        if not (name.isascii() and name.isalnum() and name[0].isalpha()):
            raise _Fault(f"a group's name at position {at} has to be letters and digits in <>")
        return end + 1
    end = at
    while text[end : end + 1] in _FLAGS and end < len(text):
        end += 1
    if text[end : end + 1] not in (")", ":") or end >= len(text):
        raise _Fault(f"unknown group (?{text[end : end + 1]} at position {end}")
    return end + 1


_READERS: dict[str, Callable[[str, int], int]] = {"\\": _escaped, "[": _class, "(": _group}
