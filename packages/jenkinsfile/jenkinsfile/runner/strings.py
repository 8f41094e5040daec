"""The methods of Java's String that a condition may call, each as Groovy 2.4 answers; Jenkins's sandbox lets all of them through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jenkinsfile.runner.patterns import matches

_BLANK = "".join(map(chr, range(33)))  # what Java's trim takes away


@dataclass(frozen=True)
class Method:
    """A method.

    Attributes:
        result: the type of its value, as ``known.type_of`` names them.
        run: computes it from the object and the arguments.
        arguments: the type of each argument: ``text``, ``any`` or ``pattern``, a regular expression in plain words.
        of: the types of the objects that have it.
    """

    result: str
    run: Callable[..., Any]
    arguments: tuple[str, ...] = ()
    of: tuple[str, ...] = ("text",)


def shown(value: object) -> str:
    """A value as Groovy prints it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def same(one: object, other: object) -> bool:
    """Groovy's ``==``: a flag is never a number, nor a text either of them."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _same_without_case(text: str, other: str) -> bool:
    """Java compares character by character: no character becomes two."""
    pairs = zip(text, other, strict=False)
    return len(text) == len(other) and all(a.upper() == b.upper() or a.lower() == b.lower() for a, b in pairs)


def _flag(value: bool | str) -> bool:
    """``toBoolean()``: of a text, whether it is true, y or 1."""
    return value if isinstance(value, bool) else value.strip(_BLANK).lower() in ("true", "y", "1")


def _length(text: str) -> int:
    """Java counts units of UTF-16."""
    return len(text.encode("utf-16-le")) // 2


_ANY = ("text", "flag", "number")
METHODS: Mapping[str, Method] = {
    "contains": Method("flag", lambda text, part: part in text, ("text",)),
    "endsWith": Method("flag", str.endswith, ("text",)),
    "equals": Method("flag", same, ("any",), ("text", "flag")),
    "equalsIgnoreCase": Method("flag", _same_without_case, ("text",)),
    "isEmpty": Method("flag", lambda text: not text),
    "length": Method("number", _length),
    "matches": Method("flag", lambda text, pattern: matches(pattern, text), ("pattern",)),
    "size": Method("number", _length),
    "startsWith": Method("flag", str.startswith, ("text",)),
    "toBoolean": Method("flag", _flag, of=("text", "flag")),
    "toLowerCase": Method("text", str.lower),
    "toString": Method("text", shown, of=_ANY),
    "toUpperCase": Method("text", str.upper),
    "trim": Method("text", lambda text: text.strip(_BLANK)),
}
