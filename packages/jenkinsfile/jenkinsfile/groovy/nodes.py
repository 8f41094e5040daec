"""The nodes of the tree that a source becomes, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>=", ">>>=", "&=", "|=", "^=")


@dataclass(slots=True)
class Node:
    """A piece of the source: ``line`` and ``column`` count from 1, ``start`` and ``end`` are offsets."""

    line: int
    column: int
    start: int
    end: int


@dataclass(slots=True)
class Name(Node):
    """A bare word."""

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
    """``[1, 2]``."""

    items: list[Node]


@dataclass(slots=True)
class MapLiteral(Node):
    """``[a: 1]``, or the named arguments of a call (``named``)."""

    entries: list[tuple[Node, Node]]
    named: bool = False


@dataclass(slots=True)
class Closure(Node):
    """``{ parameters -> body }``; the block of a section is one."""

    parameters: list[str]
    body: list[Node]


@dataclass(slots=True)
class Call(Node):
    """``object.method(arguments)``; without an object it is a step, a section or a function.

    Attributes:
        method: a ``Name`` or string ``Literal``, or any expression where the name is computed.
        arguments: named ones first, as one ``MapLiteral``; a block after the parentheses last.
        operator: what stands between the object and the method: ``.``, ``?.``, ``*.``.
    """

    object: Node | None
    method: Node
    arguments: list[Node]
    operator: str = "."

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
    """``object.name``; ``operator`` says with which dot: ``.``, ``?.``, ``*.``, ``.&``, ``.@``."""

    object: Node
    name: Node
    operator: str = "."


@dataclass(slots=True)
class Index(Node):
    """``object[keys]``."""

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
    """An operator before or behind its operand; of a cast it is the type in parentheses."""

    operator: str
    operand: Node


@dataclass(slots=True)
class Ternary(Node):
    """``condition ? yes : no``; of ``condition ?: no`` there is no ``yes``."""

    condition: Node
    yes: Node | None
    no: Node


@dataclass(slots=True)
class New(Node):
    """``new type(arguments)``."""

    type: str
    arguments: list[Node]


@dataclass(slots=True)
class Declaration(Node):
    """The variables that a statement declares, and their first values, where they have some.

    Attributes:
        type: what stands before the names: ``def``, ``String``, ``final int``; '' where nothing does.
    """

    names: list[str]
    values: list[Node]
    type: str = ""


@dataclass(slots=True)
class Statement(Node):
    """Any statement that is not an expression: ``keyword`` says which, ``children`` are the parts in order."""

    keyword: str
    children: list[Node]


@dataclass(slots=True)
class Script(Node):
    """The whole source."""

    statements: list[Node] = field(default_factory=list)


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
        for part in _PARTS[type(node)]:
            yield from walk(getattr(node, part))


_PLACE = {place.name for place in fields(Node)}
#: the fields in which a kind of node holds others
_PARTS: dict[type[Node], tuple[str, ...]] = {
    kind: tuple(part.name for part in fields(kind) if part.name not in _PLACE) for kind in Node.__subclasses__()
}
