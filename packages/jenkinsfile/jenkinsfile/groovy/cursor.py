"""Where the parser stands in the tokens, and the few ways to step on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jenkinsfile.errors import GroovySyntaxError
from jenkinsfile.groovy.nodes import Node
from jenkinsfile.tokens import Token


@dataclass(frozen=True, slots=True)
class Grammar:
    """The circle of the grammar: the larger pieces that a smaller one may hold, a closure its statements for example.

    The modules of this package build on one another in one direction; what they need of a later one they find here.
    """

    primary: Callable[[Cursor], Node]
    expression: Callable[[Cursor], Node]
    statements: Callable[[Cursor], list[Node]]
    class_body: Callable[[Cursor], list[Node]]


class Cursor:
    """A place in a list of tokens whose last one is of kind ``end``.

    Attributes:
        at: the number of the present token.
        in_command: whether this is among the arguments of a command, where a block on the next line is no argument.
    """

    __slots__ = ("at", "grammar", "in_command", "tokens")

    def __init__(self, tokens: list[Token], grammar: Grammar):
        self.tokens, self.grammar = tokens, grammar
        self.at = 0
        self.in_command = False

    def inside(self, tokens: list[Token]) -> Cursor:
        """A cursor of its own for the tokens of an interpolation."""
        return Cursor(tokens, self.grammar)

    @property
    def token(self) -> Token:
        """The present token."""
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> Token:
        """A token further on; the last one when there are not so many."""
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The present token, and step on."""
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def take_op(self, *texts: str) -> bool:
        """Step over one of these operators, if it stands here."""
        token = self.tokens[self.at]
        if token.kind == "op" and token.text in texts:
            self.at += 1
            return True
        return False

    def skip_newlines(self) -> None:
        """Step to the next token that is no line break."""
        while self.tokens[self.at].kind == "newline":
            self.at += 1

    def expect(self, *texts: str) -> Token:
        """Take one of these operators; GroovySyntaxError when something else stands here."""
        if not self.token.is_op(*texts):
            raise self.error(f"expected {' or '.join(map(repr, texts))}, found {shown(self.token)}")
        return self.take()

    def error(self, message: str, at: Token | Node | None = None) -> GroovySyntaxError:
        """An error at a token or node; here when none is given."""
        at = at or self.token
        return GroovySyntaxError(message, at.line, at.column)

    def unexpected(self) -> GroovySyntaxError:
        """The error that the present token can't stand here."""
        return self.error(f"unexpected {shown(self.token)}")

    def text(self, begin: int, end: int) -> str:
        """The tokens from one number up to another, as words."""
        return " ".join(token.text for token in self.tokens[begin:end] if token.kind != "newline")

    def span(self, begin: Token | Node) -> tuple[int, int, int, int]:
        """Place of a node from ``begin`` to the token before the present one."""
        return begin.line, begin.column, begin.start, self.tokens[self.at - 1].end


def shown(token: Token) -> str:
    """A token as a message names it."""
    if token.kind == "end":
        return "the end"
    if token.kind == "newline":
        return "the end of the line"
    return repr(token.text if len(token.text) <= 40 else token.text[:37] + "...")
