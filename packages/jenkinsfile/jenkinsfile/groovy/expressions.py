"""Expressions from the loosest operator to the tightest, and commands: ``sh 'make'``, ``mail to: a, subject: b``."""

from __future__ import annotations

from jenkinsfile.groovy.arguments import read_argument_list, read_parenthesised
from jenkinsfile.groovy.cursor import Cursor
from jenkinsfile.groovy.nodes import (
    ASSIGNMENTS,
    Binary,
    Call,
    Closure,
    GString,
    Index,
    ListLiteral,
    Literal,
    Name,
    Node,
    Property,
    Ternary,
    Unary,
)
from jenkinsfile.groovy.typenames import PRIMITIVES, read_type
from jenkinsfile.groovy.values import read_closure, read_name, read_primary
from jenkinsfile.tokens import Long

#: from loosest to tightest; each level associates to the left
_LEVELS = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("=~", "==~"),
    ("==", "!=", "<=>", "===", "!=="),
    ("<", "<=", ">", ">=", "in", "instanceof", "as"),
    ("<<", ">>", ">>>", "..", "..<"),
    ("+", "-"),
    ("*", "/", "%"),
)
_PRECEDENCE = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}


def read_expression(cursor: Cursor, command: bool = False) -> Node:
    """An expression; ``command`` lets the right side of an assignment be a command."""
    begin = cursor.token
    value = read_conditional(cursor)
    if cursor.token.is_op(*ASSIGNMENTS):
        check_target(cursor, value)
        operator = cursor.take().text
        cursor.skip_newlines()
        right = read_command(cursor) if command else read_expression(cursor)
        return Binary(*cursor.span(begin), operator, value, right)
    return value


def read_conditional(cursor: Cursor) -> Node:
    """``a ? b : c``, ``a ?: b``, or what binds tighter."""
    begin = cursor.token
    value = read_binary(cursor, 0)
    mark = cursor.at
    cursor.skip_newlines()
    if not cursor.token.is_op("?", "?:"):
        cursor.at = mark
    if cursor.take_op("?:"):
        cursor.skip_newlines()
        return Ternary(*cursor.span(begin), value, None, read_conditional(cursor))
    if cursor.take_op("?"):
        cursor.skip_newlines()
        yes = read_expression(cursor)
        cursor.skip_newlines()
        cursor.expect(":")
        cursor.skip_newlines()
        no = read_conditional(cursor)
        return Ternary(*cursor.span(begin), value, yes, no)
    return value


def read_binary(cursor: Cursor, level: int) -> Node:
    """Operators of this level and tighter ones, by precedence climbing."""
    begin = cursor.token
    left = read_unary(cursor)
    while cursor.token.kind in ("op", "keyword") and (found := _PRECEDENCE.get(cursor.token.text, -1)) >= level:
        operator = cursor.take().text
        cursor.skip_newlines()
        right = read_type_operand(cursor) if operator in ("as", "instanceof") else read_binary(cursor, found + 1)
        left = Binary(*cursor.span(begin), operator, left, right)
    return left


def read_type_operand(cursor: Cursor) -> Node:
    """What stands right of ``as`` and ``instanceof``."""
    place = cursor.token
    text = read_type(cursor)
    if text is None:
        raise cursor.unexpected()
    return Name(*cursor.span(place), text)


def read_unary(cursor: Cursor) -> Node:
    """``-a``, ``!a``, ``(int) a``, ``a ** b``, or what binds tighter."""
    begin = cursor.token
    if cursor.take_op("+", "-", "!", "~", "++", "--"):
        operand = read_unary(cursor)
        number = operand.value if isinstance(operand, Literal) else None
        if begin.text in ("+", "-") and isinstance(number, int | float) and not isinstance(number, bool):
            # to Groovy -1 is a constant
            signed = -number if begin.text == "-" else number
            return Literal(*cursor.span(begin), Long(signed) if isinstance(number, Long) else signed)
        return Unary(*cursor.span(begin), begin.text, operand)
    if cast_follows(cursor):
        cursor.take()
        text = read_type(cursor)
        cursor.expect(")")
        return Unary(*cursor.span(begin), f"({text})", read_unary(cursor))
    value = read_postfix(cursor)
    if cursor.take_op("**"):
        cursor.skip_newlines()
        return Binary(*cursor.span(begin), "**", value, read_unary(cursor))
    return value


def cast_follows(cursor: Cursor) -> bool:
    """Whether a type in parentheses comes, and something to be cast after it."""
    if not cursor.token.is_op("("):
        return False
    mark = cursor.at
    cursor.take()
    builtin = cursor.token.is_word(*PRIMITIVES)
    typed = read_type(cursor, strict=True)
    closed = typed is not None and cursor.token.is_op(")")
    after = cursor.peek()
    cursor.at = mark
    if not closed:
        return False
    begins = after.kind in ("word", "string", "gstring", "number") or after.is_op("(", "[", "{", "!", "~")
    keyword = after.kind == "keyword" and after.text in ("this", "super", "new", "true", "false", "null")
    return begins or keyword or (builtin and after.is_op("-", "+"))


def read_postfix(cursor: Cursor) -> Node:
    """A value with its path, ``++`` or ``--`` behind it perhaps."""
    begin = cursor.token
    value = read_path(cursor, read_primary(cursor))
    if cursor.take_op("++", "--"):
        return Unary(*cursor.span(begin), cursor.tokens[cursor.at - 1].text, value)
    return value


def read_path(cursor: Cursor, value: Node) -> Node:
    """What follows a value: ``.name``, ``(arguments)``, ``[key]``, ``{ block }``."""
    while True:
        if cursor.token.is_op("(") or step_to_block(cursor):
            value = call_of(cursor, value, read_call_arguments(cursor))
        elif cursor.token.is_op("["):
            cursor.take()
            keys = read_argument_list(cursor, "]")
            cursor.expect("]")
            value = Index(*cursor.span(value), value, keys)
        elif step_to_dot(cursor):
            value = read_property(cursor, value)
        else:
            return value


def step_to_dot(cursor: Cursor) -> bool:
    """Step to a dot, on this line or the next; whether there is one."""
    ahead = cursor.at
    while cursor.tokens[ahead].kind == "newline":
        ahead += 1
    if cursor.tokens[ahead].is_op(".", "?.", "*.", ".&", ".@"):
        cursor.at = ahead
        return True
    return False


def read_property(cursor: Cursor, value: Node) -> Property:
    """``.name`` of a value."""
    operator = cursor.take().text
    cursor.skip_newlines()
    cursor.take_op("@")
    token = cursor.token
    if token.is_word():
        cursor.take()
        name: Node = Name(*cursor.span(token), token.text)
    elif token.kind in ("string", "gstring") or token.is_op("(", "{"):
        name = read_primary(cursor)
    else:
        raise cursor.unexpected()
    return Property(*cursor.span(value), value, name, operator)


def read_command(cursor: Cursor) -> Node:
    """An expression that may be a command: ``sh 'make'``, ``mail to: a, subject: b``, ``a b c d``."""
    value = read_expression(cursor, command=True)
    if may_take_arguments(value) and argument_follows(cursor):
        return read_chain(cursor, value)
    return value


def argument_follows(cursor: Cursor) -> bool:
    """Whether the first argument of a command stands here."""
    token = cursor.token
    if token.kind in ("word", "string", "gstring", "number"):
        return True
    if token.kind == "keyword":
        named = cursor.peek().is_op(":")
        return named or token.text in ("this", "super", "new", "true", "false", "null") or token.text in PRIMITIVES
    return token.is_op("!", "~", "@") and not cursor.peek().is_op("=")


def read_chain(cursor: Cursor, head: Node) -> Node:
    """The arguments of a command, and the commands chained to it: ``a b c d`` is ``a(b).c(d)``."""
    if isinstance(head, Call) and not head.object and isinstance(head.method, Closure):
        raise cursor.unexpected()
    value: Node = head if isinstance(head, Call) else call_of(cursor, head, read_command_arguments(cursor))
    while cursor.token.kind in ("word", "string", "gstring", "number") or (
        cursor.token.kind == "keyword" and value is not head
    ):
        if cursor.token.kind == "keyword" and cursor.token.text in ("else", "in", "as", "instanceof"):
            break
        name = read_primary(cursor) if cursor.token.kind != "keyword" else read_name(cursor)
        if cursor.token.is_op("(", "{"):
            value = call_of(cursor, Property(*cursor.span(head), value, name), read_call_arguments(cursor))
            value = read_path(cursor, value)
        elif argument_follows(cursor):
            value = call_of(cursor, Property(*cursor.span(head), value, name), read_command_arguments(cursor))
        else:
            value = Property(*cursor.span(head), value, name)
    return value


def read_command_arguments(cursor: Cursor) -> list[Node]:
    """Arguments without parentheses."""
    outer, cursor.in_command = cursor.in_command, True
    arguments = read_argument_list(cursor, None)
    cursor.in_command = outer
    return arguments


def call_of(cursor: Cursor, callee: Node, arguments: list[Node]) -> Call:
    """The call of a name, a property or any value."""
    span = cursor.span(callee)
    if isinstance(callee, Property):
        return Call(*span, callee.object, callee.name, arguments, callee.operator)
    return Call(*span, None, callee, arguments)


def read_call_arguments(cursor: Cursor) -> list[Node]:
    """``(a, b)`` and the blocks appended to it, or the blocks alone."""
    arguments = read_parenthesised(cursor) if cursor.token.is_op("(") else []
    while step_to_block(cursor):
        arguments.append(read_closure(cursor))
    return arguments


def step_to_block(cursor: Cursor) -> bool:
    """Step to a block, on this line or, except after a command's arguments, on the next; whether there is one."""
    ahead = cursor.at
    while cursor.tokens[ahead].kind == "newline" and not cursor.in_command:
        ahead += 1
    if cursor.tokens[ahead].is_op("{"):
        cursor.at = ahead
        return True
    return False


def may_take_arguments(value: Node) -> bool:
    """Whether a command's arguments can follow: a name, a path, a call, a string."""
    return isinstance(value, Name | Property | Call | Literal | GString | Index)


def check_target(cursor: Cursor, target: Node) -> None:
    """What can stand left of an equals sign."""
    if isinstance(target, Name | Property | Index | ListLiteral):
        return
    kinds: dict[type[Node], str] = {
        Literal: "a constant",
        GString: "a constant",
        Binary: "a calculation",
        Call: "a call",
    }
    kind = kinds.get(type(target), "an expression")
    raise cursor.error(f"{kind} can't be assigned to: left of the = has to be a name", target)
