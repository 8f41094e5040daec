"""The names of types: ``int``, ``java.util.List<String>[]``."""

from __future__ import annotations

from jenkinsfile.groovy.cursor import Cursor

PRIMITIVES = ("boolean", "byte", "char", "short", "int", "float", "long", "double", "void")


def read_type(cursor: Cursor, strict: bool = False) -> str | None:
    """A type, if one comes: its text. ``strict`` takes only what looks like one: int, or a capitalised name."""
    mark = cursor.at
    if cursor.token.is_word(*PRIMITIVES):
        text = cursor.take().text
    elif cursor.token.kind == "word":
        text = read_qualified_name(cursor)
        last = text.rpartition(".")[2]
        if strict and not last[:1].isupper():
            cursor.at = mark
            return None
        if cursor.token.is_op("<") and not skip_type_arguments(cursor):
            cursor.at = mark
            return None
    else:
        return None
    while cursor.token.is_op("[") and cursor.peek().is_op("]"):
        cursor.at += 2
        text += "[]"
    if cursor.token.is_op("..."):
        cursor.take()
    return text


def read_qualified_name(cursor: Cursor) -> str:
    """``a.b.C``."""
    parts = [cursor.take().text]
    while cursor.token.is_op(".") and cursor.peek().is_word():
        cursor.take()
        parts.append(cursor.take().text)
    return ".".join(parts)


def skip_type_arguments(cursor: Cursor) -> bool:
    """Step over ``<...>``, if it is a list of types."""
    depth, ahead = 0, cursor.at
    closing = {">": 1, ">>": 2, ">>>": 3}
    while True:
        token = cursor.tokens[ahead]
        if token.is_op("<"):
            depth += 1
        elif token.kind == "op" and token.text in closing:
            depth -= closing[token.text]
        elif not (token.is_word() or token.is_op(",", ".", "?", "[", "]", "&")):
            return False
        ahead += 1
        if depth <= 0:
            cursor.at = ahead
            return depth == 0
