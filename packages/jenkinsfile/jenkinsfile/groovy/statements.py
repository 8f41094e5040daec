"""Statements: what stands on a line, or governs a block."""

from __future__ import annotations

from collections.abc import Callable

from jenkinsfile.groovy.arguments import MODIFIERS, read_parameter
from jenkinsfile.groovy.cursor import Cursor, shown
from jenkinsfile.groovy.declarations import read_block, read_declaration, read_import
from jenkinsfile.groovy.expressions import read_command, read_expression, read_path
from jenkinsfile.groovy.nodes import ASSIGNMENTS, Binary, Declaration, Node, Statement
from jenkinsfile.groovy.typenames import read_type
from jenkinsfile.groovy.values import arrow_follows, read_closure, read_name
from jenkinsfile.tokens import Token


def read_statements(cursor: Cursor, top: bool = False) -> list[Node]:
    """Statements up to the end or to a closing brace, which stays."""
    found: list[Node] = []
    while True:
        while cursor.token.kind == "newline" or cursor.token.is_op(";"):
            cursor.at += 1
        if cursor.token.kind == "end" or (not top and cursor.token.is_op("}")):
            return found
        if not top and cursor.token.is_word("case", "default") and not cursor.peek().is_op("."):
            return found
        found.append(read_statement(cursor, top))
        if not (cursor.token.kind in ("newline", "end") or cursor.token.is_op(";", "}")):
            raise cursor.unexpected()


def read_statement(cursor: Cursor, top: bool = False) -> Node:
    """One statement; the ``top`` of a file may define methods."""
    token = cursor.token
    if token.is_op("{"):
        return read_open_block(cursor)
    if token.kind == "word" and cursor.peek().is_op(":"):
        cursor.at += 2
        cursor.skip_newlines()
        return read_statement(cursor) if not cursor.token.is_op("{") else read_block(cursor)
    if token.kind == "keyword":
        reader = _BY_KEYWORD.get(token.text)
        if reader and not cursor.peek().is_op("."):
            cursor.take()
            return reader(cursor, token)
    if declared := read_declaration(cursor, top):
        return declared
    return read_command(cursor)


def read_open_block(cursor: Cursor) -> Node:
    """A brace that begins a statement is a closure only when it says so with an arrow."""
    begin = cursor.token
    arrow = arrow_follows(cursor)
    closure = read_closure(cursor)
    if not arrow:
        raise cursor.error(
            "a block can't stand alone: is it meant for the line before? Then its { belongs on that line", begin
        )
    return read_path(cursor, closure)


def read_body(cursor: Cursor) -> Node:
    """What an if, a loop or an else governs."""
    cursor.skip_newlines()
    if cursor.token.is_op("{"):
        return read_block(cursor)
    if cursor.token.is_op(";"):
        raise cursor.unexpected()
    return read_statement(cursor)


def read_condition(cursor: Cursor) -> Node:
    """The expression in parentheses behind a keyword."""
    cursor.expect("(")
    value = read_expression(cursor)
    cursor.expect(")")
    return value


def read_if(cursor: Cursor, begin: Token) -> Statement:
    """``if (a) b else c``, from behind the keyword, like all that follow."""
    condition = read_condition(cursor)
    if isinstance(condition, Binary) and condition.operator in ASSIGNMENTS:
        raise cursor.error("an if can't assign: == compares", condition)
    parts = [condition, read_body(cursor)]
    mark = cursor.at
    cursor.skip_newlines()
    if cursor.take_op(";"):
        cursor.skip_newlines()
    if cursor.token.is_word("else"):
        cursor.take()
        parts.append(read_body(cursor))
    else:
        cursor.at = mark
    return Statement(*cursor.span(begin), "if", parts)


def read_while(cursor: Cursor, begin: Token) -> Statement:
    """``while (a) b``."""
    parts = [read_condition(cursor)]
    if not cursor.take_op(";"):
        parts.append(read_body(cursor))
    return Statement(*cursor.span(begin), "while", parts)


def read_for(cursor: Cursor, begin: Token) -> Statement:
    """``for (a in b) c`` and ``for (a; b; c) d``."""
    cursor.expect("(")
    parts = read_for_each(cursor) or read_for_classic(cursor)
    cursor.expect(")")
    return Statement(*cursor.span(begin), "for", [*parts, read_body(cursor)])


def read_for_each(cursor: Cursor) -> list[Node] | None:
    """``a in b`` or ``int a : b``, if it comes."""
    mark = cursor.at
    while cursor.token.is_word(*MODIFIERS):
        cursor.take()
    if not (cursor.token.kind == "word" and (cursor.peek().is_word("in") or cursor.peek().is_op(":"))):
        read_type(cursor)
    if cursor.token.kind == "word" and (cursor.peek().is_word("in") or cursor.peek().is_op(":")):
        name = read_name(cursor)
        cursor.take()
        return [name, read_expression(cursor)]
    cursor.at = mark
    return None


def read_for_classic(cursor: Cursor) -> list[Node]:
    """``a; b; c``, each of which may be left out."""
    parts: list[Node] = []
    if not cursor.token.is_op(";"):
        parts += read_for_parts(cursor)
    cursor.expect(";")
    if not cursor.token.is_op(";"):
        parts.append(read_expression(cursor))
    cursor.expect(";")
    if not cursor.token.is_op(")"):
        parts += read_for_parts(cursor)
    return parts


def read_for_parts(cursor: Cursor) -> list[Node]:
    """``a = 1, b = 2``."""
    parts = [read_declaration(cursor) or read_command(cursor)]
    while cursor.take_op(","):
        parts.append(read_command(cursor))
    return parts


def read_switch(cursor: Cursor, begin: Token) -> Statement:
    """``switch (a) { case b: ... default: ... }``."""
    parts = [read_condition(cursor)]
    cursor.skip_newlines()
    cursor.expect("{")
    cursor.skip_newlines()
    while not cursor.take_op("}"):
        if cursor.token.is_word("case"):
            cursor.take()
            parts.append(read_expression(cursor))
        elif cursor.token.is_word("default"):
            cursor.take()
        else:
            raise cursor.error(f"expected case, default or '}}', found {shown(cursor.token)}")
        cursor.expect(":")
        parts += read_statements(cursor)
    return Statement(*cursor.span(begin), "switch", parts)


def read_try(cursor: Cursor, begin: Token) -> Statement:
    """``try { } catch (A | B e) { } finally { }``: its block, then a statement ``catch`` for each, then ``finally``."""
    cursor.skip_newlines()
    parts: list[Node] = [read_block(cursor)]
    while take_keyword(cursor, "catch"):
        caught = cursor.tokens[cursor.at - 1]
        cursor.expect("(")
        place, mark = cursor.token, cursor.at
        name = read_parameter(cursor, catch=True)
        declared = Declaration(*cursor.span(place), [name], [], cursor.text(mark, cursor.at - 1))
        cursor.expect(")")
        cursor.skip_newlines()
        parts.append(Statement(*cursor.span(caught), "catch", [declared, read_block(cursor)]))
    if take_keyword(cursor, "finally"):
        last = cursor.tokens[cursor.at - 1]
        cursor.skip_newlines()
        parts.append(Statement(*cursor.span(last), "finally", [read_block(cursor)]))
    elif len(parts) == 1:
        raise cursor.error("a try needs a catch or a finally", begin)
    return Statement(*cursor.span(begin), "try", parts)


def take_keyword(cursor: Cursor, keyword: str) -> bool:
    """Take the keyword, if it comes next, on this line or a later one."""
    mark = cursor.at
    cursor.skip_newlines()
    if cursor.token.is_word(keyword):
        cursor.take()
        return True
    cursor.at = mark
    return False


def read_synchronized(cursor: Cursor, begin: Token) -> Node:
    """``synchronized (a) { }``; without parentheses it modifies a method."""
    if not cursor.token.is_op("("):  # the modifier of a method
        cursor.at -= 1
        return read_declaration(cursor) or read_command(cursor)
    lock = read_condition(cursor)
    cursor.skip_newlines()
    return Statement(*cursor.span(begin), "synchronized", [lock, read_block(cursor)])


def read_return(cursor: Cursor, begin: Token) -> Statement:
    """``return``, a value perhaps."""
    nothing = cursor.token.kind in ("newline", "end") or cursor.token.is_op(";", "}")
    value = [] if nothing else [read_expression(cursor)]
    return Statement(*cursor.span(begin), "return", value)


def read_throw(cursor: Cursor, begin: Token) -> Statement:
    """``throw a``."""
    return Statement(*cursor.span(begin), "throw", [read_expression(cursor)])


def read_assert(cursor: Cursor, begin: Token) -> Statement:
    """``assert a : b``."""
    parts = [read_expression(cursor)]
    if cursor.take_op(":", ","):
        cursor.skip_newlines()
        parts.append(read_expression(cursor))
    return Statement(*cursor.span(begin), "assert", parts)


def read_jump(cursor: Cursor, begin: Token) -> Statement:
    """``break`` and ``continue``, a label perhaps."""
    if cursor.token.kind == "word":
        cursor.take()
    return Statement(*cursor.span(begin), begin.text, [])


#: how a statement goes on that begins with this keyword; any other begins a declaration or an expression
_BY_KEYWORD: dict[str, Callable[[Cursor, Token], Node]] = {
    "if": read_if,
    "while": read_while,
    "for": read_for,
    "switch": read_switch,
    "try": read_try,
    "synchronized": read_synchronized,
    "return": read_return,
    "throw": read_throw,
    "assert": read_assert,
    "break": read_jump,
    "continue": read_jump,
    "import": read_import,
    "package": read_import,
}
