"""Values, the leaves of an expression: names, constants, strings, lists, maps, closures, new objects."""

from __future__ import annotations

from jenkinsfile.errors import GroovySyntaxError
from jenkinsfile.groovy.arguments import key_follows, read_entry, read_parameter, read_parenthesised
from jenkinsfile.groovy.cursor import Cursor, shown
from jenkinsfile.groovy.nodes import (
    Closure,
    GString,
    ListLiteral,
    Literal,
    MapLiteral,
    Name,
    New,
    Node,
    Statement,
    Unary,
)
from jenkinsfile.groovy.typenames import PRIMITIVES, read_qualified_name, skip_type_arguments
from jenkinsfile.tokens import Token

_CONSTANTS = {"true": True, "false": False, "null": None}


def read_name(cursor: Cursor) -> Name:
    """The present token, a word or a keyword, as a name."""
    token = cursor.take()
    return Name(*cursor.span(token), token.text)


def read_primary(cursor: Cursor) -> Node:
    """A value without what may follow it: no dot, no call, no operator."""
    token = cursor.token
    if token.kind == "word":
        return read_name(cursor)
    if token.kind in ("string", "number"):
        cursor.take()
        return Literal(*cursor.span(token), token.value)
    if token.kind == "gstring":
        cursor.take()
        parts = [part if isinstance(part, str) else read_interpolated(cursor.inside(part)) for part in token.value]
        return GString(*cursor.span(token), parts)
    if token.kind == "keyword":
        return read_keyword_value(cursor, token)
    if token.is_op("("):
        cursor.take()
        value = cursor.grammar.expression(cursor)
        if cursor.token.is_op(","):
            return read_tuple(cursor, token, value)
        cursor.expect(")")
        return value
    if token.is_op("["):
        return read_list_or_map(cursor)
    if token.is_op("{"):
        return read_closure(cursor)
    raise cursor.unexpected()


def read_keyword_value(cursor: Cursor, token: Token) -> Node:
    """``true``, ``this``, ``new File("x")``."""
    if token.text in _CONSTANTS:
        cursor.take()
        return Literal(*cursor.span(token), _CONSTANTS[token.text])
    if token.text in ("this", "super") or token.text in PRIMITIVES:
        return read_name(cursor)
    if token.text == "new":
        return read_new(cursor)
    raise cursor.unexpected()


def read_new(cursor: Cursor) -> New:
    """``new Type(arguments)`` with a class body perhaps, or ``new int[3]``."""
    begin = cursor.take()
    cursor.skip_newlines()
    if not cursor.token.is_word():
        raise cursor.unexpected()
    text = cursor.take().text if cursor.token.is_word(*PRIMITIVES) else read_qualified_name(cursor)
    if cursor.token.is_op("<"):
        if cursor.peek().is_op(">"):
            cursor.at += 2
        elif not skip_type_arguments(cursor):
            raise cursor.unexpected()
    arguments: list[Node] = []
    if cursor.token.is_op("["):
        while cursor.take_op("["):
            if not cursor.token.is_op("]"):
                arguments.append(cursor.grammar.expression(cursor))
            cursor.expect("]")
        return New(*cursor.span(begin), text, arguments)
    if not cursor.token.is_op("("):
        raise cursor.error(f"expected '(' or '[' after new {text}, found {shown(cursor.token)}")
    arguments = read_parenthesised(cursor)
    if cursor.token.is_op("{"):
        arguments += cursor.grammar.class_body(cursor)
    return New(*cursor.span(begin), text, arguments)


def read_tuple(cursor: Cursor, begin: Token, first: Node) -> ListLiteral:
    """``(a, b) = ...``"""
    items = [first]
    while cursor.take_op(","):
        items.append(cursor.grammar.expression(cursor))
    cursor.expect(")")
    if not cursor.token.is_op("="):
        raise cursor.unexpected()
    return ListLiteral(*cursor.span(begin), items)


def read_list_or_map(cursor: Cursor) -> Node:
    """``[1, 2]`` or ``[a: 1]``; one can't be both."""
    begin = cursor.expect("[")
    if cursor.token.is_op(":") and cursor.peek().is_op("]"):
        cursor.at += 2
        return MapLiteral(*cursor.span(begin), [])
    items: list[Node] = []
    entries: list[tuple[Node, Node]] = []
    while not cursor.token.is_op("]"):
        if cursor.token.is_op("*") and cursor.peek().is_op(":"):
            cursor.at += 2
            entries.append((Literal(*cursor.span(begin), "*"), cursor.grammar.expression(cursor)))
        elif key_follows(cursor):
            entries.append(read_entry(cursor))
        elif cursor.token.is_op("*"):
            star = cursor.take()
            items.append(Unary(*cursor.span(star), "*", cursor.grammar.expression(cursor)))
        else:
            items.append(cursor.grammar.expression(cursor))
        if items and entries:
            raise cursor.error("a list can't hold some entries with a key and some without", begin)
        if not cursor.take_op(","):
            break
    cursor.expect("]")
    if entries:
        return MapLiteral(*cursor.span(begin), entries)
    return ListLiteral(*cursor.span(begin), items)


def read_closure(cursor: Cursor) -> Closure:
    """``{ a, b -> statements }``, the parameters perhaps left out."""
    arrow = arrow_follows(cursor)
    begin = cursor.expect("{")
    parameters: list[str] = []
    mark = cursor.at
    cursor.skip_newlines()
    if arrow:
        try:
            while not cursor.token.is_op("->"):
                parameters.append(read_parameter(cursor))
                if cursor.take_op("="):
                    cursor.grammar.expression(cursor)
                cursor.skip_newlines()
                if not cursor.take_op(","):
                    break
                cursor.skip_newlines()
            cursor.expect("->")
        except GroovySyntaxError:
            cursor.at, parameters = mark, []
    outer, cursor.in_command = cursor.in_command, False
    body = cursor.grammar.statements(cursor)
    cursor.in_command = outer
    cursor.expect("}")
    return Closure(*cursor.span(begin), parameters, body)


def arrow_follows(cursor: Cursor) -> bool:
    """Whether the brace here begins with parameters and an arrow."""
    depth, ahead = 0, cursor.at
    while True:
        token = cursor.tokens[ahead]
        depth += token.is_op("{", "(", "[") - token.is_op("}", ")", "]")
        if depth == 1 and token.is_op("->"):
            return True
        if depth == 0 or (depth == 1 and token.is_op(";")):
            return False
        ahead += 1


def read_interpolated(cursor: Cursor) -> Node:
    """The inside of ``${...}``: mostly one expression."""
    begin = cursor.token
    cursor.take_op("->")
    body = cursor.grammar.statements(cursor)
    if cursor.token.kind != "end":
        raise cursor.unexpected()
    if len(body) == 1:
        return body[0]
    return Statement(begin.line, begin.column, begin.start, cursor.token.end, "block", body)
