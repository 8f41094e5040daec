"""A parser of Groovy 2.4, the version that every Jenkins controller embeds: a source becomes a tree, each node with its place.

By recursive descent over ``jenkinsfile.tokens``. The tree has the shape that Jenkins's own validator looks at: a
command such as ``sh 'make'`` is a ``Call``, named arguments come first as one ``MapLiteral``, a trailing block is the last
argument. Groovy's own parser (Debian's package groovy) and a published grammar (PyPI's groovy-parser) are the outside check:
see ``tests/test_lint.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from jenkinsfile.tokens import GroovySyntaxError, Token, tokenize

_TYPES = ("boolean", "byte", "char", "short", "int", "float", "long", "double", "void")
_MODIFIERS = (
    "def", "abstract", "final", "native", "private", "protected", "public", "static", "strictfp", "synchronized",
    "transient", "volatile",
)  # fmt: skip
ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>=", ">>>=", "&=", "|=", "^=")
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


@dataclass(slots=True)
class Node:
    """A piece of the source: ``line`` and ``column`` count from 1, ``start`` and ``end`` are offsets."""

    line: int
    column: int
    start: int
    end: int


@dataclass(slots=True)
class Name(Node):
    name: str


@dataclass(slots=True)
class Literal(Node):
    """A string, a number, true, false or null."""

    value: str | int | float | bool | None


@dataclass(slots=True)
class GString(Node):
    """An interpolated string: texts and expressions (or the statements of ``${...}``)."""

    parts: list[str | Node]


@dataclass(slots=True)
class ListLiteral(Node):
    items: list[Node]


@dataclass(slots=True)
class MapLiteral(Node):
    """``[a: 1]``, or the named arguments of a call (``named``)."""

    entries: list[tuple[Node, Node]]
    named: bool = False


@dataclass(slots=True)
class Closure(Node):
    parameters: list[str]
    body: list[Node]


@dataclass(slots=True)
class Call(Node):
    """``object.method(arguments)``; without an object it is a step, a section or a function.

    Attributes:
        method: a ``Name`` or string ``Literal``, or any expression where the name is computed.
        arguments: named ones first, as one ``MapLiteral``; a block after the parentheses last.
    """

    object: Node | None
    method: Node
    arguments: list[Node]

    @property
    def name(self) -> str | None:
        """The name of a call without an object, if it is fixed."""
        return None if self.object else text_of(self.method)

    @property
    def block(self) -> Closure | None:
        """The block that ends the arguments."""
        return self.arguments[-1] if self.arguments and isinstance(self.arguments[-1], Closure) else None


@dataclass(slots=True)
class Property(Node):
    object: Node
    name: Node


@dataclass(slots=True)
class Index(Node):
    object: Node
    keys: list[Node]


@dataclass(slots=True)
class Binary(Node):
    """Two operands and their operator, an assignment among them."""

    operator: str
    left: Node
    right: Node


@dataclass(slots=True)
class Unary(Node):
    operator: str
    operand: Node


@dataclass(slots=True)
class Ternary(Node):
    condition: Node
    yes: Node | None
    no: Node


@dataclass(slots=True)
class New(Node):
    type: str
    arguments: list[Node]


@dataclass(slots=True)
class Declaration(Node):
    names: list[str]
    values: list[Node]


@dataclass(slots=True)
class Statement(Node):
    """Any statement that is not an expression: ``keyword`` says which, ``children`` are the parts in order."""

    keyword: str
    children: list[Node]


@dataclass(slots=True)
class Script(Node):
    statements: list[Node] = field(default_factory=list)


def parse(source: str) -> Script:
    """The tree of a source; GroovySyntaxError says what is wrong and where."""
    try:
        parser = _Parser(tokenize(source))
        script = Script(1, 1, 0, len(source), parser.statements(top=True))
        for _ in walk(script):  # whoever reads the tree needs the depth as well
            pass
    except RecursionError:
        raise GroovySyntaxError("the source is nested too deeply to be read", 1, 1) from None
    return script


def text_of(node: Node | None) -> str | None:
    """The text of a name or a plain string; None for anything else."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Literal) and isinstance(node.value, str):
        return node.value
    return None


def walk(node: object) -> Iterator[Node]:
    """A node and all below it, in the order of the source."""
    if isinstance(node, list | tuple):
        for item in node:
            yield from walk(item)
    elif isinstance(node, Node):
        yield node
        for kind in type(node).__mro__[:-2]:
            for slot in kind.__slots__:
                yield from walk(getattr(node, slot))


class _Parser:
    def __init__(self, tokens: list[Token]):
        self.tokens, self.at = tokens, 0
        self.in_command = False

    # reading tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.at += 1
        return token

    def take_op(self, *texts: str) -> bool:
        if self.token.is_op(*texts):
            self.at += 1
            return True
        return False

    def skip_newlines(self) -> None:
        while self.token.kind == "newline":
            self.at += 1

    def expect(self, *texts: str) -> Token:
        if not self.token.is_op(*texts):
            raise self.error(f"expected {' or '.join(map(repr, texts))}, found {_shown(self.token)}")
        return self.take()

    def error(self, message: str, at: Token | Node | None = None) -> GroovySyntaxError:
        at = at or self.token
        return GroovySyntaxError(message, at.line, at.column)

    def unexpected(self) -> GroovySyntaxError:
        return self.error(f"unexpected {_shown(self.token)}")

    def span(self, begin: Token | Node) -> tuple[int, int, int, int]:
        """Place of a node from ``begin`` to the token before the present one."""
        return begin.line, begin.column, begin.start, self.tokens[self.at - 1].end

    # statements

    def statements(self, top: bool = False) -> list[Node]:
        """Statements up to the end or to a closing brace, which stays."""
        found: list[Node] = []
        while True:
            while self.token.kind == "newline" or self.token.is_op(";"):
                self.at += 1
            if self.token.kind == "end" or (not top and self.token.is_op("}")):
                return found
            if not top and self.token.is_word("case", "default") and not self.peek().is_op("."):
                return found
            found.append(self.statement(top))
            if not (self.token.kind in ("newline", "end") or self.token.is_op(";", "}")):
                raise self.unexpected()

    def statement(self, top: bool = False) -> Node:
        token = self.token
        if token.is_op("{"):
            return self.open_block()
        if token.kind == "word" and self.peek().is_op(":"):
            self.at += 2
            self.skip_newlines()
            return self.statement() if not self.token.is_op("{") else self.block()
        if token.kind == "keyword":
            reader = getattr(self, f"{token.text}_statement", None)
            if reader and not self.peek().is_op("."):
                self.take()
                return reader(token)
        if declared := self.declaration(top):
            return declared
        return self.expression_statement()

    def open_block(self) -> Node:
        """A brace that begins a statement is a closure only when it says so with an arrow."""
        begin = self.token
        arrow = self.arrow_follows()
        closure = self.closure()
        if not arrow:
            raise self.error(
                "a block can't stand alone: is it meant for the line before? Then its { belongs on that line", begin
            )
        return self.path(closure)

    def arrow_follows(self) -> bool:
        """Whether the brace here begins with parameters and an arrow."""
        depth, ahead = 0, self.at
        while True:
            token = self.tokens[ahead]
            depth += token.is_op("{", "(", "[") - token.is_op("}", ")", "]")
            if depth == 1 and token.is_op("->"):
                return True
            if depth == 0 or (depth == 1 and token.is_op(";")):
                return False
            ahead += 1

    def block(self) -> Statement:
        begin = self.expect("{")
        body = self.statements()
        self.expect("}")
        return Statement(*self.span(begin), "block", body)

    def body(self) -> Node:
        """What an if, a loop or an else governs."""
        self.skip_newlines()
        if self.token.is_op("{"):
            return self.block()
        if self.token.is_op(";"):
            raise self.unexpected()
        return self.statement()

    def condition(self) -> Node:
        self.expect("(")
        value = self.expression()
        self.expect(")")
        return value

    def if_statement(self, begin: Token) -> Statement:
        condition = self.condition()
        if isinstance(condition, Binary) and condition.operator in ASSIGNMENTS:
            raise self.error("an if can't assign: == compares", condition)
        parts = [condition, self.body()]
        mark = self.at
        self.skip_newlines()
        if self.take_op(";"):
            self.skip_newlines()
        if self.token.is_word("else"):
            self.take()
            parts.append(self.body())
        else:
            self.at = mark
        return Statement(*self.span(begin), "if", parts)

    def while_statement(self, begin: Token) -> Statement:
        parts = [self.condition()]
        if not self.take_op(";"):
            parts.append(self.body())
        return Statement(*self.span(begin), "while", parts)

    def for_statement(self, begin: Token) -> Statement:
        self.expect("(")
        parts = self.for_each() or self.for_classic()
        self.expect(")")
        return Statement(*self.span(begin), "for", [*parts, self.body()])

    def for_each(self) -> list[Node] | None:
        mark = self.at
        while self.token.is_word(*_MODIFIERS):
            self.take()
        if not (self.token.kind == "word" and (self.peek().is_word("in") or self.peek().is_op(":"))):
            self.type_name()
        if self.token.kind == "word" and (self.peek().is_word("in") or self.peek().is_op(":")):
            name = self.name()
            self.take()
            return [name, self.expression()]
        self.at = mark
        return None

    def for_classic(self) -> list[Node]:
        parts: list[Node] = []
        if not self.token.is_op(";"):
            parts += self.for_parts()
        self.expect(";")
        if not self.token.is_op(";"):
            parts.append(self.expression())
        self.expect(";")
        if not self.token.is_op(")"):
            parts += self.for_parts()
        return parts

    def for_parts(self) -> list[Node]:
        parts = [self.declaration() or self.expression_statement()]
        while self.take_op(","):
            parts.append(self.expression_statement())
        return parts

    def switch_statement(self, begin: Token) -> Statement:
        parts = [self.condition()]
        self.skip_newlines()
        self.expect("{")
        self.skip_newlines()
        while not self.take_op("}"):
            if self.token.is_word("case"):
                self.take()
                parts.append(self.expression())
            elif self.token.is_word("default"):
                self.take()
            else:
                raise self.error(f"expected case, default or '}}', found {_shown(self.token)}")
            self.expect(":")
            parts += self.statements()
        return Statement(*self.span(begin), "switch", parts)

    def try_statement(self, begin: Token) -> Statement:
        self.skip_newlines()
        parts: list[Node] = [self.block()]
        while self.next_is("catch"):
            self.expect("(")
            self.parameter(catch=True)
            self.expect(")")
            self.skip_newlines()
            parts.append(self.block())
        if self.next_is("finally"):
            self.skip_newlines()
            parts.append(self.block())
        elif len(parts) == 1:
            raise self.error("a try needs a catch or a finally", begin)
        return Statement(*self.span(begin), "try", parts)

    def next_is(self, keyword: str) -> bool:
        """Take the keyword, if it comes next, on this line or a later one."""
        mark = self.at
        self.skip_newlines()
        if self.token.is_word(keyword):
            self.take()
            return True
        self.at = mark
        return False

    def synchronized_statement(self, begin: Token) -> Node:
        if not self.token.is_op("("):  # the modifier of a method
            self.at -= 1
            return self.declaration() or self.expression_statement()
        lock = self.condition()
        self.skip_newlines()
        return Statement(*self.span(begin), "synchronized", [lock, self.block()])

    def return_statement(self, begin: Token) -> Statement:
        nothing = self.token.kind in ("newline", "end") or self.token.is_op(";", "}")
        value = [] if nothing else [self.expression()]
        return Statement(*self.span(begin), "return", value)

    def throw_statement(self, begin: Token) -> Statement:
        return Statement(*self.span(begin), "throw", [self.expression()])

    def assert_statement(self, begin: Token) -> Statement:
        parts = [self.expression()]
        if self.take_op(":", ","):
            self.skip_newlines()
            parts.append(self.expression())
        return Statement(*self.span(begin), "assert", parts)

    def break_statement(self, begin: Token) -> Statement:
        if self.token.kind == "word":
            self.take()
        return Statement(*self.span(begin), begin.text, [])

    continue_statement = break_statement

    def import_statement(self, begin: Token) -> Statement:
        while self.token.is_word() or self.token.is_op(".", "*"):
            self.take()
        return Statement(*self.span(begin), begin.text, [])

    package_statement = import_statement

    # declarations of variables, methods and classes

    def declaration(self, top: bool = False) -> Node | None:
        """A declaration, if one begins here."""
        begin, mark = self.token, self.at
        modified = self.modifiers()
        if self.token.is_word("class", "interface", "enum", "trait") and self.peek().kind == "word":
            return self.class_definition(begin)
        if self.token.is_op("@") and self.peek().is_word("interface"):
            raise self.error("an annotation can't be declared here")
        if modified and self.token.is_word("import", "package"):
            return self.import_statement(self.take())
        if modified and self.token.is_op("(") and self.tokens[self.at - 1].is_word("def"):
            return self.multiple_declaration(begin)
        if not self.named_declaration_follows(bool(modified)):
            if modified == "def":
                raise self.error(f"expected a name, found {_shown(self.token)}")
            self.at = mark
            return None
        name = self.take()
        if self.token.is_op("(") and (name.kind != "keyword"):
            return self.method_definition(begin, name, top)
        return self.variable_declaration(begin, name)

    def modifiers(self) -> str:
        """Skip modifiers and annotations; the last one's text, '' when there is none."""
        last = ""
        while True:
            if self.token.is_word(*_MODIFIERS):
                last = self.take().text
            elif self.token.is_op("@") and self.peek().is_word() and not self.peek().is_word("interface"):
                self.take()
                self.qualified_name()
                if self.token.is_op("("):
                    self.parenthesised_arguments()
                last = "@"
            elif last and self.token.kind == "newline":
                self.skip_newlines()
            else:
                return last

    def named_declaration_follows(self, modified: bool) -> bool:
        """Step over a type; whether a name that is being declared comes now."""
        mark = self.at
        if self.type_name(strict=True) and self.token.kind in ("word", "string"):
            if self.token.kind == "string" and not self.peek().is_op("("):
                raise self.error(
                    f"unexpected {_shown(self.token)}: Groovy takes the capitalised word before it for a type"
                )
            return True
        self.at = mark
        if not modified:
            return False
        if self.type_name() and self.token.kind == "word":
            return True
        self.at = mark
        return self.token.kind == "word" or (self.token.kind == "string" and self.peek().is_op("("))

    def type_name(self, strict: bool = False) -> str | None:
        """A type, if one comes: its text. ``strict`` takes only what looks like one: int, or a capitalised name."""
        mark = self.at
        if self.token.is_word(*_TYPES):
            text = self.take().text
        elif self.token.kind == "word":
            text = self.qualified_name()
            last = text.rpartition(".")[2]
            if strict and not last[:1].isupper():
                self.at = mark
                return None
            if self.token.is_op("<") and not self.type_arguments():
                self.at = mark
                return None
        else:
            return None
        while self.token.is_op("[") and self.peek().is_op("]"):
            self.at += 2
            text += "[]"
        if self.token.is_op("..."):
            self.take()
        return text

    def qualified_name(self) -> str:
        parts = [self.take().text]
        while self.token.is_op(".") and self.peek().is_word():
            self.take()
            parts.append(self.take().text)
        return ".".join(parts)

    def type_arguments(self) -> bool:
        """Step over ``<...>``, if it is a list of types."""
        depth, ahead = 0, self.at
        closing = {">": 1, ">>": 2, ">>>": 3}
        while True:
            token = self.tokens[ahead]
            if token.is_op("<"):
                depth += 1
            elif token.kind == "op" and token.text in closing:
                depth -= closing[token.text]
            elif not (token.is_word() or token.is_op(",", ".", "?", "[", "]", "&")):
                return False
            ahead += 1
            if depth <= 0:
                self.at = ahead
                return depth == 0

    def variable_declaration(self, begin: Token, name: Token) -> Declaration:
        names, values = [name.text], []
        if self.take_op("="):
            self.skip_newlines()
            values.append(self.expression_statement())
        while self.token.is_op(",") and self.peek().kind == "word":
            self.take()
            names.append(self.take().text)
            if self.take_op("="):
                self.skip_newlines()
                values.append(self.expression_statement())
        return Declaration(*self.span(begin), names, values)

    def multiple_declaration(self, begin: Token) -> Declaration:
        self.expect("(")
        names = []
        while not self.token.is_op(")"):
            if not self.peek().is_op(",", ")"):
                self.type_name()
            if self.token.kind != "word":
                raise self.unexpected()
            names.append(self.take().text)
            if not self.take_op(","):
                break
        self.expect(")")
        self.expect("=")
        self.skip_newlines()
        return Declaration(*self.span(begin), names, [self.expression_statement()])

    def method_definition(self, begin: Token, name: Token, top: bool) -> Statement:
        if not top:
            raise self.error(f"a method can't be defined here: move {name.text!r} out of every block", begin)
        self.expect("(")
        defaults = self.parameters(")")
        self.expect(")")
        self.skip_newlines()
        if self.token.is_word("throws"):
            self.take()
            self.type_name()
            while self.take_op(","):
                self.type_name()
            self.skip_newlines()
        body = [self.block()] if self.token.is_op("{") else []
        at = Literal(name.line, name.column, name.start, name.end, name.value or name.text)
        return Statement(*self.span(begin), "method", [at, *defaults, *body])

    def parameters(self, closing: str) -> list[Node]:
        """Parameters up to ``closing``, which stays; returns their default values."""
        defaults: list[Node] = []
        self.skip_newlines()
        while not self.token.is_op(closing):
            self.parameter()
            if self.take_op("="):
                defaults.append(self.expression())
            self.skip_newlines()
            if not self.take_op(","):
                break
            self.skip_newlines()
        return defaults

    def parameter(self, catch: bool = False) -> str:
        self.modifiers()
        if not (self.token.kind == "word" and self.peek().is_op(",", ")", "->", "=")):
            if not self.type_name():
                raise self.unexpected()
            while catch and self.take_op("|"):
                self.type_name()
        if self.token.kind != "word":
            raise self.unexpected()
        return self.take().text

    def class_definition(self, begin: Token) -> Statement:
        keyword = self.take().text
        self.take()
        while not self.token.is_op("{"):  # type parameters, extends, implements
            if self.token.kind == "newline":
                self.skip_newlines()
            elif self.token.is_word() or self.token.is_op("<", ">", ">>", ",", ".", "?", "&"):
                self.take()
            else:
                raise self.unexpected()
        return Statement(*self.span(begin), keyword, self.class_body(enum=keyword == "enum"))

    def class_body(self, enum: bool = False) -> list[Node]:
        self.expect("{")
        members: list[Node] = []
        if enum:
            self.enum_constants()
        while True:
            while self.token.kind == "newline" or self.token.is_op(";"):
                self.take()
            if self.take_op("}"):
                return members
            members.append(self.member())
            if not (self.token.kind == "newline" or self.token.is_op(";", "}")):
                raise self.unexpected()

    def enum_constants(self) -> None:
        self.skip_newlines()
        while self.token.kind == "word" and self.peek().kind != "word":
            self.take()
            if self.token.is_op("("):
                self.parenthesised_arguments()
            if self.token.is_op("{"):
                self.class_body()
            self.skip_newlines()
            if not self.take_op(","):
                return
            self.skip_newlines()

    def member(self) -> Node:
        """A field, a method, a constructor, an initialiser or a class in a class."""
        begin, mark = self.token, self.at
        modified = self.modifiers()
        if self.token.is_op("{"):
            return self.block()
        if self.token.kind == "word" and self.peek().is_op("(") and modified != "def":  # a constructor
            return self.method_definition(begin, self.take(), top=True)
        self.at = mark
        if self.token.is_op("<"):
            self.type_arguments()
        declared = self.declaration(top=True)
        if declared is None:
            raise self.unexpected()
        return declared

    # expressions

    def expression_statement(self) -> Node:
        """An expression that may be a command: ``sh 'make'``, ``mail to: a, subject: b``, ``a b c d``."""
        value = self.expression(command=True)
        if _may_take_arguments(value) and self.argument_follows():
            return self.command(value)
        return value

    def argument_follows(self) -> bool:
        token = self.token
        if token.kind in ("word", "string", "gstring", "number"):
            return True
        if token.kind == "keyword":
            named = self.peek().is_op(":")
            return named or token.text in ("this", "super", "new", "true", "false", "null") or token.text in _TYPES
        return token.is_op("!", "~", "@") and not self.peek().is_op("=")

    def command(self, head: Node) -> Node:
        if isinstance(head, Call) and not head.object and isinstance(head.method, Closure):
            raise self.unexpected()
        value = self.with_arguments(head, self.command_arguments()) if not isinstance(head, Call) else head
        while self.token.kind in ("word", "string", "gstring", "number") or (
            self.token.kind == "keyword" and value is not head
        ):
            if self.token.kind == "keyword" and self.token.text in ("else", "in", "as", "instanceof"):
                break
            name = self.primary() if self.token.kind != "keyword" else self.name()
            if self.token.is_op("(", "{"):
                value = self.with_arguments(Property(*self.span(head), value, name), self.call_arguments())
                value = self.path(value)
            elif self.argument_follows():
                value = self.with_arguments(Property(*self.span(head), value, name), self.command_arguments())
            else:
                value = Property(*self.span(head), value, name)
        return value

    def command_arguments(self) -> list[Node]:
        outer, self.in_command = self.in_command, True
        arguments = self.argument_list(self.token, lambda: False)
        self.in_command = outer
        return arguments

    def with_arguments(self, callee: Node, arguments: list[Node]) -> Call:
        span = self.span(callee)
        if isinstance(callee, Property):
            return Call(*span, callee.object, callee.name, arguments)
        return Call(*span, None, callee, arguments)

    def argument_list(self, begin: Token, ended) -> list[Node]:
        """Arguments separated by commas; the named ones come out first, as one map."""
        plain: list[Node] = []
        named: list[tuple[Node, Node]] = []
        while not ended():
            if self.token.is_op("*") and self.peek().is_op(":"):
                star = self.take()
                self.take()
                named.append((Literal(*self.span(star), "*"), self.expression()))
            elif self.key_follows():
                named.append(self.entry())
            elif self.token.is_op("*"):
                star = self.take()
                plain.append(Unary(*self.span(star), "*", self.expression()))
            else:
                plain.append(self.declared_argument() or self.expression())
            if not self.take_op(","):
                break
            self.skip_newlines()
        self.refuse_duplicates(named)
        if named:
            plain.insert(0, MapLiteral(*self.span(begin), named, True))
        return plain

    def declared_argument(self) -> Node | None:
        """``f(String x)``: odd, but Groovy reads it."""
        begin, mark = self.token, self.at
        if self.token.is_word("def") or (self.type_name(strict=True) and self.token.kind == "word"):
            self.at = mark
            self.modifiers()
            if self.peek().kind == "word":
                self.type_name()
            name = self.take().text
            values = [self.expression()] if self.take_op("=") else []
            return Declaration(*self.span(begin), [name], values)
        self.at = mark
        return None

    def refuse_duplicates(self, named: list[tuple[Node, Node]]) -> None:
        seen: set[str] = set()
        for key, _ in named:
            text = text_of(key)
            if text in seen and text != "*":
                raise self.error(f"duplicate named argument {text!r}", key)
            seen.add(text or "")

    def key_follows(self) -> bool:
        """Whether ``name:`` comes, the key of a named argument or of a map."""
        if self.token.is_word() or self.token.kind in ("string", "gstring", "number"):
            return self.peek().is_op(":")
        if not self.token.is_op("("):
            return False
        depth = 0
        for ahead in range(self.at, len(self.tokens)):
            token = self.tokens[ahead]
            depth += token.is_op("(", "[", "{") - token.is_op(")", "]", "}")
            if depth == 0:
                return self.tokens[ahead + 1].is_op(":")
        return False

    def entry(self) -> tuple[Node, Node]:
        token = self.token
        if token.is_word():
            self.take()
            key: Node = Literal(*self.span(token), token.text)
        else:
            key = self.primary()
        self.expect(":")
        self.skip_newlines()
        return key, self.expression()

    def expression(self, command: bool = False) -> Node:
        """An expression; ``command`` lets the right side of an assignment be a command."""
        begin = self.token
        value = self.conditional()
        if self.token.is_op(*ASSIGNMENTS):
            _check_target(self, value)
            operator = self.take().text
            self.skip_newlines()
            right = self.expression_statement() if command else self.expression()
            return Binary(*self.span(begin), operator, value, right)
        return value

    def conditional(self) -> Node:
        begin = self.token
        value = self.binary(0)
        mark = self.at
        self.skip_newlines()
        if not self.token.is_op("?", "?:"):
            self.at = mark
        if self.take_op("?:"):
            self.skip_newlines()
            return Ternary(*self.span(begin), value, None, self.conditional())
        if self.take_op("?"):
            self.skip_newlines()
            yes = self.expression()
            self.skip_newlines()
            self.expect(":")
            self.skip_newlines()
            no = self.conditional()
            return Ternary(*self.span(begin), value, yes, no)
        return value

    def binary(self, level: int) -> Node:
        """Operators of this level and tighter ones, by precedence climbing."""
        begin = self.token
        left = self.unary()
        while self.token.kind in ("op", "keyword") and (found := _PRECEDENCE.get(self.token.text, -1)) >= level:
            operator = self.take().text
            self.skip_newlines()
            right = self.type_operand() if operator in ("as", "instanceof") else self.binary(found + 1)
            left = Binary(*self.span(begin), operator, left, right)
        return left

    def type_operand(self) -> Node:
        place = self.token
        text = self.type_name()
        if text is None:
            raise self.unexpected()
        return Name(*self.span(place), text)

    def unary(self) -> Node:
        begin = self.token
        if self.take_op("+", "-", "!", "~", "++", "--"):
            return Unary(*self.span(begin), begin.text, self.unary())
        if self.cast_follows():
            self.take()
            text = self.type_name()
            self.expect(")")
            return Unary(*self.span(begin), f"({text})", self.unary())
        value = self.postfix()
        if self.take_op("**"):
            self.skip_newlines()
            return Binary(*self.span(begin), "**", value, self.unary())
        return value

    def cast_follows(self) -> bool:
        if not self.token.is_op("("):
            return False
        mark = self.at
        self.take()
        builtin = self.token.is_word(*_TYPES)
        typed = self.type_name(strict=True)
        closed = typed is not None and self.token.is_op(")")
        after = self.peek()
        self.at = mark
        if not closed:
            return False
        begins = after.kind in ("word", "string", "gstring", "number") or after.is_op("(", "[", "{", "!", "~")
        keyword = after.kind == "keyword" and after.text in ("this", "super", "new", "true", "false", "null")
        return begins or keyword or (builtin and after.is_op("-", "+"))

    def postfix(self) -> Node:
        begin = self.token
        value = self.path(self.primary())
        if self.take_op("++", "--"):
            return Unary(*self.span(begin), self.tokens[self.at - 1].text, value)
        return value

    def path(self, value: Node) -> Node:
        """What follows a value: ``.name``, ``(arguments)``, ``[key]``, ``{ block }``."""
        while True:
            if self.token.is_op("(") or self.block_follows():
                value = self.with_arguments(value, self.call_arguments())
            elif self.token.is_op("["):
                self.take()
                keys = self.argument_list(self.token, lambda: self.token.is_op("]"))
                self.expect("]")
                value = Index(*self.span(value), value, keys)
            elif self.dot_follows():
                value = self.dotted(value)
            else:
                return value

    def block_follows(self) -> bool:
        """A block, on this line or, except after a command's arguments, on the next."""
        ahead = self.at
        while self.tokens[ahead].kind == "newline" and not self.in_command:
            ahead += 1
        if self.tokens[ahead].is_op("{"):
            self.at = ahead
            return True
        return False

    def dot_follows(self) -> bool:
        """A dot, on this line or the next."""
        ahead = self.at
        while self.tokens[ahead].kind == "newline":
            ahead += 1
        if self.tokens[ahead].is_op(".", "?.", "*.", ".&", ".@"):
            self.at = ahead
            return True
        return False

    def dotted(self, value: Node) -> Node:
        self.take()
        self.skip_newlines()
        self.take_op("@")
        token = self.token
        if token.is_word():
            self.take()
            name: Node = Name(*self.span(token), token.text)
        elif token.kind in ("string", "gstring") or token.is_op("(", "{"):
            name = self.primary()
        else:
            raise self.unexpected()
        return Property(*self.span(value), value, name)

    def call_arguments(self) -> list[Node]:
        """``(a, b)`` and the blocks appended to it, or the blocks alone."""
        arguments = self.parenthesised_arguments() if self.token.is_op("(") else []
        while self.block_follows():
            arguments.append(self.closure())
        return arguments

    def parenthesised_arguments(self) -> list[Node]:
        self.expect("(")
        arguments = self.argument_list(self.token, lambda: self.token.is_op(")"))
        self.expect(")")
        return arguments

    def name(self) -> Name:
        token = self.take()
        return Name(*self.span(token), token.text)

    def primary(self) -> Node:
        token = self.token
        if token.kind == "word":
            return self.name()
        if token.kind in ("string", "number"):
            self.take()
            return Literal(*self.span(token), token.value)
        if token.kind == "gstring":
            self.take()
            parts = [part if isinstance(part, str) else _Parser(part).interpolated() for part in token.value]
            return GString(*self.span(token), parts)
        if token.kind == "keyword":
            return self.keyword_value(token)
        if token.is_op("("):
            self.take()
            value = self.expression()
            if self.token.is_op(","):
                return self.tuple_target(token, value)
            self.expect(")")
            return value
        if token.is_op("["):
            return self.list_or_map()
        if token.is_op("{"):
            return self.closure()
        raise self.unexpected()

    def tuple_target(self, begin: Token, first: Node) -> ListLiteral:
        """``(a, b) = ...``"""
        items = [first]
        while self.take_op(","):
            items.append(self.expression())
        self.expect(")")
        if not self.token.is_op("="):
            raise self.unexpected()
        return ListLiteral(*self.span(begin), items)

    def keyword_value(self, token: Token) -> Node:
        constants = {"true": True, "false": False, "null": None}
        if token.text in constants:
            self.take()
            return Literal(*self.span(token), constants[token.text])
        if token.text in ("this", "super") or token.text in _TYPES:
            return self.name()
        if token.text == "new":
            return self.new()
        raise self.unexpected()

    def new(self) -> New:
        begin = self.take()
        self.skip_newlines()
        if not self.token.is_word():
            raise self.unexpected()
        text = self.take().text if self.token.is_word(*_TYPES) else self.qualified_name()
        if self.token.is_op("<"):
            if self.peek().is_op(">"):
                self.at += 2
            elif not self.type_arguments():
                raise self.unexpected()
        arguments: list[Node] = []
        if self.token.is_op("["):
            while self.take_op("["):
                if not self.token.is_op("]"):
                    arguments.append(self.expression())
                self.expect("]")
            return New(*self.span(begin), text, arguments)
        if not self.token.is_op("("):
            raise self.error(f"expected '(' or '[' after new {text}, found {_shown(self.token)}")
        arguments = self.parenthesised_arguments()
        if self.token.is_op("{"):
            arguments += self.class_body()
        return New(*self.span(begin), text, arguments)

    def list_or_map(self) -> Node:
        begin = self.expect("[")
        if self.token.is_op(":") and self.peek().is_op("]"):
            self.at += 2
            return MapLiteral(*self.span(begin), [])
        items, entries = [], []
        while not self.token.is_op("]"):
            if self.token.is_op("*") and self.peek().is_op(":"):
                self.at += 2
                entries.append((Literal(*self.span(begin), "*"), self.expression()))
            elif self.key_follows():
                entries.append(self.entry())
            elif self.token.is_op("*"):
                star = self.take()
                items.append(Unary(*self.span(star), "*", self.expression()))
            else:
                items.append(self.expression())
            if items and entries:
                raise self.error("a list can't hold some entries with a key and some without", begin)
            if not self.take_op(","):
                break
        self.expect("]")
        if entries:
            return MapLiteral(*self.span(begin), entries)
        return ListLiteral(*self.span(begin), items)

    def closure(self) -> Closure:
        arrow = self.arrow_follows()
        begin = self.expect("{")
        parameters: list[str] = []
        mark = self.at
        self.skip_newlines()
        if arrow:
            try:
                while not self.token.is_op("->"):
                    parameters.append(self.parameter())
                    if self.take_op("="):
                        self.expression()
                    self.skip_newlines()
                    if not self.take_op(","):
                        break
                    self.skip_newlines()
                self.expect("->")
            except GroovySyntaxError:
                self.at, parameters = mark, []
        outer, self.in_command = self.in_command, False
        body = self.statements()
        self.in_command = outer
        self.expect("}")
        return Closure(*self.span(begin), parameters, body)

    def interpolated(self) -> Node:
        """The inside of ``${...}``: mostly one expression."""
        begin = self.token
        if self.take_op("->"):
            pass
        body = self.statements()
        if self.token.kind != "end":
            raise self.unexpected()
        if len(body) == 1:
            return body[0]
        return Statement(begin.line, begin.column, begin.start, self.token.end, "block", body)


def _may_take_arguments(value: Node) -> bool:
    """Whether a command's arguments can follow: a name, a path, a call, a string."""
    return isinstance(value, Name | Property | Call | Literal | GString | Index)


def _check_target(parser: _Parser, target: Node) -> None:
    """What can stand left of an equals sign."""
    if isinstance(target, Name | Property | Index | ListLiteral):
        return
    kinds = {Literal: "a constant", GString: "a constant", Binary: "a calculation", Call: "a call"}
    kind = kinds.get(type(target), "an expression")
    raise parser.error(f"{kind} can't be assigned to: left of the = has to be a name", target)


def _shown(token: Token) -> str:
    if token.kind == "end":
        return "the end"
    if token.kind == "newline":
        return "the end of the line"
    return repr(token.text if len(token.text) <= 40 else token.text[:37] + "...")
