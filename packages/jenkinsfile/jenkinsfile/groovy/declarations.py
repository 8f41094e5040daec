"""Declarations of variables, methods and classes."""

from __future__ import annotations

from jenkinsfile.groovy.arguments import read_parameter, read_parenthesised, skip_modifiers
from jenkinsfile.groovy.cursor import Cursor, shown
from jenkinsfile.groovy.expressions import read_command, read_expression
from jenkinsfile.groovy.nodes import Declaration, Literal, Node, Statement
from jenkinsfile.groovy.typenames import read_type, skip_type_arguments
from jenkinsfile.tokens import Token


def read_declaration(cursor: Cursor, top: bool = False) -> Node | None:
    """A declaration, if one begins here."""
    begin, mark = cursor.token, cursor.at
    modified = skip_modifiers(cursor)
    if cursor.token.is_word("class", "interface", "enum", "trait") and cursor.peek().kind == "word":
        return read_class(cursor, begin)
    if cursor.token.is_op("@") and cursor.peek().is_word("interface"):
        raise cursor.error("an annotation can't be declared here")
    if modified and cursor.token.is_word("import", "package"):
        return read_import(cursor, cursor.take())
    if modified and cursor.token.is_op("(") and cursor.tokens[cursor.at - 1].is_word("def"):
        return read_tuple_declaration(cursor, begin)
    if not step_to_declared_name(cursor, bool(modified)):
        if modified == "def":
            raise cursor.error(f"expected a name, found {shown(cursor.token)}")
        cursor.at = mark
        return None
    name = cursor.take()
    if cursor.token.is_op("(") and name.kind != "keyword":
        return read_method(cursor, begin, name, top)
    return read_variables(cursor, begin, name, cursor.text(mark, cursor.at - 1))


def step_to_declared_name(cursor: Cursor, modified: bool) -> bool:
    """Step over a type; whether a name that is being declared comes now."""
    mark = cursor.at
    if read_type(cursor, strict=True) and cursor.token.kind in ("word", "string"):
        if cursor.token.kind == "string" and not cursor.peek().is_op("("):
            raise cursor.error(
                f"unexpected {shown(cursor.token)}: Groovy takes the capitalised word before it for a type"
            )
        return True
    cursor.at = mark
    if not modified:
        return False
    if read_type(cursor) and cursor.token.kind == "word":
        return True
    cursor.at = mark
    return cursor.token.kind == "word" or (cursor.token.kind == "string" and cursor.peek().is_op("("))


def read_variables(cursor: Cursor, begin: Token, name: Token, declared: str) -> Declaration:
    """``int a = 1, b``, from behind the first name; ``declared`` is what stands before it."""
    names = [name.text]
    values: list[Node] = []
    if cursor.take_op("="):
        cursor.skip_newlines()
        values.append(read_command(cursor))
    while cursor.token.is_op(",") and cursor.peek().kind == "word":
        cursor.take()
        names.append(cursor.take().text)
        if cursor.take_op("="):
            cursor.skip_newlines()
            values.append(read_command(cursor))
    return Declaration(*cursor.span(begin), names, values, declared)


def read_tuple_declaration(cursor: Cursor, begin: Token) -> Declaration:
    """``def (a, b) = ...``, from behind the def."""
    cursor.expect("(")
    names: list[str] = []
    while not cursor.token.is_op(")"):
        if not cursor.peek().is_op(",", ")"):
            read_type(cursor)
        if cursor.token.kind != "word":
            raise cursor.unexpected()
        names.append(cursor.take().text)
        if not cursor.take_op(","):
            break
    cursor.expect(")")
    cursor.expect("=")
    cursor.skip_newlines()
    return Declaration(*cursor.span(begin), names, [read_command(cursor)])


def read_method(cursor: Cursor, begin: Token, name: Token, top: bool) -> Statement:
    """A method from behind its name; only the ``top`` of a file or a class can hold one."""
    if not top:
        raise cursor.error(f"a method can't be defined here: move {name.text!r} out of every block", begin)
    cursor.expect("(")
    defaults = read_parameters(cursor, ")")
    cursor.expect(")")
    cursor.skip_newlines()
    if cursor.token.is_word("throws"):
        cursor.take()
        read_type(cursor)
        while cursor.take_op(","):
            read_type(cursor)
        cursor.skip_newlines()
    body = [read_block(cursor)] if cursor.token.is_op("{") else []
    at = Literal(name.line, name.column, name.start, name.end, name.value or name.text)
    return Statement(*cursor.span(begin), "method", [at, *defaults, *body])


def read_parameters(cursor: Cursor, closing: str) -> list[Node]:
    """Parameters up to ``closing``, which stays; returns their default values."""
    defaults: list[Node] = []
    cursor.skip_newlines()
    while not cursor.token.is_op(closing):
        read_parameter(cursor)
        if cursor.take_op("="):
            defaults.append(read_expression(cursor))
        cursor.skip_newlines()
        if not cursor.take_op(","):
            break
        cursor.skip_newlines()
    return defaults


def read_class(cursor: Cursor, begin: Token) -> Statement:
    """A class, an interface, an enum or a trait."""
    keyword = cursor.take().text
    cursor.take()
    while not cursor.token.is_op("{"):  # type parameters, extends, implements
        if cursor.token.kind == "newline":
            cursor.skip_newlines()
        elif cursor.token.is_word() or cursor.token.is_op("<", ">", ">>", ",", ".", "?", "&"):
            cursor.take()
        else:
            raise cursor.unexpected()
    return Statement(*cursor.span(begin), keyword, read_class_body(cursor, enum=keyword == "enum"))


def read_class_body(cursor: Cursor, enum: bool = False) -> list[Node]:
    """The members between the braces."""
    cursor.expect("{")
    members: list[Node] = []
    if enum:
        skip_enum_constants(cursor)
    while True:
        while cursor.token.kind == "newline" or cursor.token.is_op(";"):
            cursor.take()
        if cursor.take_op("}"):
            return members
        members.append(read_member(cursor))
        if not (cursor.token.kind == "newline" or cursor.token.is_op(";", "}")):
            raise cursor.unexpected()


def skip_enum_constants(cursor: Cursor) -> None:
    """Step over ``A, B(1) { ... }``."""
    cursor.skip_newlines()
    while cursor.token.kind == "word" and cursor.peek().kind != "word":
        cursor.take()
        if cursor.token.is_op("("):
            read_parenthesised(cursor)
        if cursor.token.is_op("{"):
            read_class_body(cursor)
        cursor.skip_newlines()
        if not cursor.take_op(","):
            return
        cursor.skip_newlines()


def read_member(cursor: Cursor) -> Node:
    """A field, a method, a constructor, an initialiser or a class in a class."""
    begin, mark = cursor.token, cursor.at
    modified = skip_modifiers(cursor)
    if cursor.token.is_op("{"):
        return read_block(cursor)
    if cursor.token.kind == "word" and cursor.peek().is_op("(") and modified != "def":  # a constructor
        return read_method(cursor, begin, cursor.take(), top=True)
    cursor.at = mark
    if cursor.token.is_op("<"):
        skip_type_arguments(cursor)
    declared = read_declaration(cursor, top=True)
    if declared is None:
        raise cursor.unexpected()
    return declared


def read_import(cursor: Cursor, begin: Token) -> Statement:
    """``import a.b.*`` or ``package a.b``, from behind the keyword."""
    while cursor.token.is_word() or cursor.token.is_op(".", "*"):
        cursor.take()
    return Statement(*cursor.span(begin), begin.text, [])


def read_block(cursor: Cursor) -> Statement:
    """The statements between braces that belong to a keyword or a method."""
    begin = cursor.expect("{")
    body = cursor.grammar.statements(cursor)
    cursor.expect("}")
    return Statement(*cursor.span(begin), "block", body)
