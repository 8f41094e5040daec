"""What stands between the parentheses of a call or of a method: arguments, named ones, parameters with their modifiers."""

from __future__ import annotations

from jenkinsfile.groovy.cursor import Cursor
from jenkinsfile.groovy.nodes import Declaration, Literal, MapLiteral, Node, Unary, text_of
from jenkinsfile.groovy.typenames import read_qualified_name, read_type

MODIFIERS = (
    "def", "abstract", "final", "native", "private", "protected", "public", "static", "strictfp", "synchronized",
    "transient", "volatile",
)  # fmt: skip


def read_parenthesised(cursor: Cursor) -> list[Node]:
    """``(a, b: 1)``."""
    cursor.expect("(")
    arguments = read_argument_list(cursor, ")")
    cursor.expect(")")
    return arguments


def read_argument_list(cursor: Cursor, closing: str | None) -> list[Node]:
    """Arguments separated by commas, up to ``closing``, which stays; the named ones come out first, as one map."""
    begin = cursor.token
    plain: list[Node] = []
    named: list[tuple[Node, Node]] = []
    while closing is None or not cursor.token.is_op(closing):
        if cursor.token.is_op("*") and cursor.peek().is_op(":"):
            star = cursor.take()
            cursor.take()
            named.append((Literal(*cursor.span(star), "*"), cursor.grammar.expression(cursor)))
        elif key_follows(cursor):
            named.append(read_entry(cursor))
        elif cursor.token.is_op("*"):
            star = cursor.take()
            plain.append(Unary(*cursor.span(star), "*", cursor.grammar.expression(cursor)))
        else:
            plain.append(read_declared_argument(cursor) or cursor.grammar.expression(cursor))
        if not cursor.take_op(","):
            break
        cursor.skip_newlines()
    refuse_duplicates(cursor, named)
    if named:
        plain.insert(0, MapLiteral(*cursor.span(begin), named, True))
    return plain


def key_follows(cursor: Cursor) -> bool:
    """Whether ``name:`` comes, the key of a named argument or of a map."""
    if cursor.token.is_word() or cursor.token.kind in ("string", "gstring", "number"):
        return cursor.peek().is_op(":")
    if not cursor.token.is_op("("):
        return False
    depth = 0
    for ahead in range(cursor.at, len(cursor.tokens)):
        token = cursor.tokens[ahead]
        depth += token.is_op("(", "[", "{") - token.is_op(")", "]", "}")
        if depth == 0:
            return cursor.tokens[ahead + 1].is_op(":")
    return False


def read_entry(cursor: Cursor) -> tuple[Node, Node]:
    """``name: value``, of a map or as a named argument."""
    token = cursor.token
    if token.is_word():
        cursor.take()
        key: Node = Literal(*cursor.span(token), token.text)
    else:
        key = cursor.grammar.primary(cursor)
    cursor.expect(":")
    cursor.skip_newlines()
    return key, cursor.grammar.expression(cursor)


def refuse_duplicates(cursor: Cursor, named: list[tuple[Node, Node]]) -> None:
    """A name that is given twice is an error."""
    seen: set[str] = set()
    for key, _ in named:
        text = text_of(key)
        if text in seen and text != "*":
            raise cursor.error(f"duplicate named argument {text!r}", key)
        seen.add(text or "")


def read_declared_argument(cursor: Cursor) -> Node | None:
    """``f(String x)``: odd, but Groovy reads it."""
    begin, mark = cursor.token, cursor.at
    if cursor.token.is_word("def") or (read_type(cursor, strict=True) and cursor.token.kind == "word"):
        cursor.at = mark
        skip_modifiers(cursor)
        if cursor.peek().kind == "word":
            read_type(cursor)
        name = cursor.take().text
        values = [cursor.grammar.expression(cursor)] if cursor.take_op("=") else []
        return Declaration(*cursor.span(begin), [name], values)
    cursor.at = mark
    return None


def skip_modifiers(cursor: Cursor) -> str:
    """Skip modifiers and annotations; the last one's text, '' when there is none."""
    last = ""
    while True:
        if cursor.token.is_word(*MODIFIERS):
            last = cursor.take().text
        elif cursor.token.is_op("@") and cursor.peek().is_word() and not cursor.peek().is_word("interface"):
            cursor.take()
            read_qualified_name(cursor)
            if cursor.token.is_op("("):
                read_parenthesised(cursor)
            last = "@"
        elif last and cursor.token.kind == "newline":
            cursor.skip_newlines()
        else:
            return last


def read_parameter(cursor: Cursor, catch: bool = False) -> str:
    """The name of a parameter, after its type; ``catch`` lets several types stand there."""
    skip_modifiers(cursor)
    if not (cursor.token.kind == "word" and cursor.peek().is_op(",", ")", "->", "=")):
        if not read_type(cursor):
            raise cursor.unexpected()
        while catch and cursor.take_op("|"):
            read_type(cursor)
    if cursor.token.kind != "word":
        raise cursor.unexpected()
    return cursor.take().text
