"""How a message names things: a node in words, what was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from jenkinsfile import groovy
from jenkinsfile.groovy import Binary, Call, Closure, GString, ListLiteral, Literal, MapLiteral, Name, Node


def hint(word: str, known: tuple[str, ...]) -> str:
    """What was meant, or what there is."""
    lower = {name.lower(): name for name in known}
    if close := get_close_matches(word.lower(), lower, 1, 0.7):
        return f", did you mean {lower[close[0]]!r}?"
    if not known:
        return ""
    return f": it is one of {', '.join(known)}" if len(known) <= 14 else ""


def near_miss(word: str, known: Iterable[str]) -> str | None:
    """The word that was meant: one slip of the keyboard away, or the same but for its case; None when no word is that close.

    What differs in its digits only (``allure3``, ``jdk17``) is another name, not a slip.
    """
    for name in known:
        if _letters(word) == _letters(name):
            return name
    for name in known:
        digits = word.strip("0123456789") == name.strip("0123456789")
        if not digits and len(name) >= 5 and _one_slip(word.lower(), name.lower()):
            return name
    return None


def _letters(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


def _one_slip(one: str, other: str) -> bool:
    """Whether a letter was left out, added or replaced, or two neighbours were exchanged."""
    if abs(len(one) - len(other)) > 1:
        return False
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    left, right = one[at:], other[at:]
    exchanged = left[:2] == right[1::-1] and left[2:] == right[2:]
    return left[1:] == right[1:] or left[1:] == right or left == right[1:] or exchanged


def in_words(node: Node) -> str:
    """A node in words."""
    if isinstance(node, Literal):
        value = node.value
        if value is None:
            return "null"
        if isinstance(value, bool):
            return str(value).lower()
        return f"the string {value!r}" if isinstance(value, str) else f"the number {value}"
    if isinstance(node, Name):
        return f"the bare word {node.name!r}"
    if isinstance(node, Binary):
        return "an assignment" if node.operator in groovy.ASSIGNMENTS else "an expression"
    if isinstance(node, groovy.Statement):
        return f"{'an' if node.keyword[0] in 'aeio' else 'a'} {node.keyword}"
    words: dict[type[Node], str] = {
        GString: "a string with ${...} in it",
        ListLiteral: "a list",
        MapLiteral: "a map",
        Closure: "a block",
        groovy.Declaration: "a definition",
        groovy.Property: "a property",
        Call: "a call",
    }
    return words.get(type(node), "an expression")
