"""How a message names things: a node in words, what was perhaps meant."""

from __future__ import annotations

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
