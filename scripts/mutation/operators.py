"""Ways to change a piece of Python in one place.

Own ones over ``ast``: the operators of cosmic-ray (over parso) and mutmut (over libcst) are made for a package with its test suite,
know neither a guard that is forced, nor a statement, an operand, a slice's end or a handler that is left out, and bring a
runner and a database that are of no use to cells of a notebook.

Each operator looks at one node of the tree and yields edits: what stands from one offset to another, in bytes, becomes another
text. Text and not trees, so that the difference is one that a reader sees in the source.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Edit(NamedTuple):
    """The bytes from ``start`` to ``end`` become ``text``."""

    start: int
    end: int
    text: str


class Code:
    """A source and the places of its nodes (``ast`` counts bytes of UTF-8)."""

    def __init__(self, source: str):
        self.bytes = source.encode()
        self.tree = ast.parse(source)
        self._lines = [0, *(match.end() for match in re.finditer(b"\n", self.bytes))]

    def span(self, node: Any) -> tuple[int, int]:
        """Offsets of a node's begin and end."""
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: Any) -> str:
        """A node as it stands in the source."""
        start, end = self.span(node)
        return self.bytes[start:end].decode()

    def between(self, left: ast.AST, right: ast.AST) -> tuple[int, str]:
        """Where one node ends, and the text from there to another."""
        start, end = self.span(left)[1], self.span(right)[0]
        return start, self.bytes[start:end].decode()

    def replaced(self, edit: Edit) -> str:
        """The source after an edit."""
        return (self.bytes[: edit.start] + edit.text.encode() + self.bytes[edit.end :]).decode()


_COMPARISONS: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, tuple[str, ...]]] = {
    ast.Add: ("+", ("-",)),
    ast.Sub: ("-", ("+",)),
    ast.Mult: ("*", ("/", "+")),
    ast.Div: ("/", ("*", "//")),
    ast.FloorDiv: ("//", ("/",)),
    ast.Mod: ("%", ("//",)),
    ast.Pow: ("**", ("*",)),
    ast.LShift: ("<<", (">>",)),
    ast.RShift: (">>", ("<<",)),
    ast.BitAnd: ("&", ("|",)),
    ast.BitOr: ("|", ("&",)),
    ast.BitXor: ("^", ("&",)),
}
_PAIRS = (
    ("min", "max"), ("any", "all"), ("floor", "ceil"), ("argmin", "argmax"), ("minimum", "maximum"), ("nanmin", "nanmax"),
    ("idxmin", "idxmax"), ("nsmallest", "nlargest"), ("head", "tail"), ("first", "last"),
    ("lower", "upper"), ("startswith", "endswith"), ("lstrip", "rstrip"), ("removeprefix", "removesuffix"), ("add", "discard"),
    ("union", "intersection"), ("find", "rfind"), ("split", "rsplit"), ("partition", "rpartition"),
    ("mean", "median"), ("cumsum", "cumprod"), ("bisect_left", "bisect_right"), ("commit", "rollback"),
)  # fmt: skip
_SWAPPED = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
_WORDS = {"left": "right", "right": "left", "asc": "desc", "first": "last", "last": "first", "ignore": "raise"}
_WRAPPERS = frozenset(
    ("sorted", "reversed", "set", "frozenset", "list", "tuple", "abs", "round", "int", "float", "bool")
)
_REMOVED = (
    ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Raise, ast.Delete, ast.Assert, ast.For, ast.Continue, ast.Break,
)  # fmt: skip
_QUOTE = re.compile(r"[A-Za-z]*('''|\"\"\"|'|\")")


def _swap(code: Code, left: ast.AST, right: ast.AST, word: str, others: tuple[str, ...]) -> Iterator[Edit]:
    """Put other operators in the place of the one between two operands."""
    start, gap = code.between(left, right)
    pattern = r"\s+".join(map(re.escape, word.split()))
    if match := re.search(pattern, gap):
        for other in others:
            yield Edit(start + len(gap[: match.start()].encode()), start + len(gap[: match.end()].encode()), other)


def comparison(code: Code, node: ast.AST) -> Iterator[Edit]:
    """``<`` becomes ``<=`` and ``>``, ``==`` becomes ``!=``, ``in`` becomes ``not in``."""
    if isinstance(node, ast.Compare):
        for left, kind, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            yield from _swap(code, left, right, *_COMPARISONS[type(kind)])


def arithmetic(code: Code, node: ast.AST) -> Iterator[Edit]:
    """``+`` becomes ``-``, ``*`` becomes ``/``; of ``+=`` also ``-=`` and ``=``."""
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield from _swap(code, node.left, node.right, *_ARITHMETIC[type(node.op)])
    elif isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
        word, others = _ARITHMETIC[type(node.op)]
        yield from _swap(code, node.target, node.value, f"{word}=", (*(f"{other}=" for other in others), "="))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        start = code.span(node)[0]
        yield Edit(start, start + 1, "")


def logic(code: Code, node: ast.AST) -> Iterator[Edit]:
    """``and`` becomes ``or``, an operand is left out, a ``not`` is left out."""
    if isinstance(node, ast.BoolOp):
        word, other, neutral = ("and", "or", "True") if isinstance(node.op, ast.And) else ("or", "and", "False")
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from _swap(code, left, right, word, (other,))
        for value in node.values:
            yield Edit(*code.span(value), neutral)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        start = code.span(node)[0]
        match = re.match(r"not\s*", code.text(node))
        yield Edit(start, start + (match.end() if match else 0), "")


def guard(code: Code, node: ast.AST) -> Iterator[Edit]:
    """A condition is always true, or never; a handler catches nothing."""
    tests: list[ast.expr] = []
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        tests = [node.test]
    elif isinstance(node, ast.comprehension):
        tests = node.ifs
    elif isinstance(node, ast.ExceptHandler) and node.type is not None:
        yield Edit(*code.span(node.type), "()")
    for test in tests:
        yield Edit(*code.span(test), "False")
        if not isinstance(node, ast.While) or any(isinstance(n, ast.Break | ast.Return) for n in ast.walk(node)):
            yield Edit(*code.span(test), "True")


def statement(code: Code, node: ast.AST) -> Iterator[Edit]:
    """A statement is left out; ``return x`` returns None; ``break`` and ``continue`` change places; a lock is not taken."""
    if isinstance(node, ast.Return) and node.value is not None:
        yield Edit(*code.span(node.value), "None")
    elif isinstance(node, _REMOVED):
        yield Edit(*code.span(node), "pass")
        if isinstance(node, ast.Break | ast.Continue):
            yield Edit(*code.span(node), "continue" if isinstance(node, ast.Break) else "break")
    elif isinstance(node, ast.With):
        for item in node.items:
            if item.optional_vars is None:
                yield Edit(*code.span(item.context_expr), '__import__("contextlib").nullcontext()')


def constant(code: Code, node: ast.AST) -> Iterator[Edit]:
    """A number one more or less, or a tenth more; ``True`` becomes ``False``; a string gets another character in front."""
    if isinstance(node, ast.JoinedStr):
        yield from _other_string(code, node)
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    if isinstance(value, bool):
        yield Edit(*code.span(node), str(not value))
    elif isinstance(value, int | float):
        for other in (value + 1, value - 1):
            yield Edit(*code.span(node), repr(other))
        if isinstance(value, float) and abs(value) > 1e-6:
            yield Edit(*code.span(node), f"{1.1 * value:.6g}")
    elif isinstance(value, str | bytes):
        yield from _other_string(code, node)
        if isinstance(value, str) and value in _WORDS:
            yield Edit(*code.span(node), repr(_WORDS[value]))


def _other_string(code: Code, node: ast.AST) -> Iterator[Edit]:
    if match := _QUOTE.match(code.text(node)):
        start = code.span(node)[0] + match.end()
        yield Edit(start, start, "~")


def bound(code: Code, node: ast.AST) -> Iterator[Edit]:
    """An end of a slice is left out or moved by one; so is an end of a ``range``."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        lower, upper, step = node.slice.lower, node.slice.upper, node.slice.step
        for part in (lower, upper, step):
            if part is not None:
                yield Edit(*code.span(part), "")
        for part in (lower, upper):
            if part is not None and not isinstance(part, ast.Constant):
                yield from _moved(code, part)
        start, end = code.span(node.slice)
        if lower is None:
            yield Edit(start, start, "1")
        if upper is None and step is None:
            yield Edit(end, end, "-1")
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and node.args:
        for part in node.args[:2]:
            if not isinstance(part, ast.Constant):
                yield from _moved(code, part)
        if len(node.args) == 1:
            start = code.span(node.args[0])[0]
            yield Edit(start, start, "1, ")


def _moved(code: Code, node: ast.expr) -> Iterator[Edit]:
    text = code.text(node)
    text = text if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript) else f"({text})"
    for other in (f"{text} + 1", f"{text} - 1"):
        yield Edit(*code.span(node), other)


def call(code: Code, node: ast.AST) -> Iterator[Edit]:
    """``min`` becomes ``max``; ``sorted`` sorts the other way or not at all; ``int(x)`` is x; a named argument is left out."""
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _SWAPPED:
        end = code.span(node.func)[1]
        yield Edit(end - len(name.encode()), end, _SWAPPED[name])
    if isinstance(node.func, ast.Name) and name in _WRAPPERS and node.args:
        yield Edit(*code.span(node), code.text(node.args[0]))
    if name in ("sorted", "sort") and all(keyword.arg != "reverse" for keyword in node.keywords):
        start, end = code.span(node)
        if len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp) and not node.keywords:
            yield Edit(start, end, f"{code.text(node.func)}({code.text(node.args[0])}, reverse=True)")
        else:
            yield Edit(end - 1, end - 1, ", reverse=True" if node.args or node.keywords else "reverse=True")
    yield from _without_keyword(code, node)


def _without_keyword(code: Code, node: ast.Call) -> Iterator[Edit]:
    parts: list[ast.expr | ast.keyword] = sorted([*node.args, *node.keywords], key=lambda part: code.span(part))
    for before, part, after in zip([None, *parts], parts, [*parts[1:], None], strict=False):
        if not isinstance(part, ast.keyword) or part.arg is None:
            continue
        start, end = code.span(part)
        if before is not None and re.fullmatch(r"\s*,\s*", code.between(before, part)[1]):
            yield Edit(code.span(before)[1], end, "")
        elif before is None:
            yield Edit(start, code.span(after)[0] if after is not None else end, "")


def default(code: Code, node: ast.AST) -> Iterator[Edit]:
    """The default of a parameter becomes None."""
    if isinstance(node, ast.arguments):
        for value in (*node.defaults, *node.kw_defaults):
            if value is not None and not (isinstance(value, ast.Constant) and value.value is None):
                yield Edit(*code.span(value), "None")


Operator = Callable[[Code, ast.AST], Iterator[Edit]]
OPERATORS: tuple[Operator, ...] = (comparison, arithmetic, logic, guard, statement, constant, bound, call, default)


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that can be changed, in the order of the source: no docstrings, no annotations, no pieces of f-strings."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "type_comment", "format_spec", "ctx"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_docstring(tree, name, child):
                continue
            if isinstance(tree, ast.JoinedStr) and isinstance(child, ast.Constant):
                continue
            yield child
            yield from nodes(child)


def _is_docstring(parent: ast.AST, field: str, child: ast.AST) -> bool:
    """Whether this is a string that stands as a statement of its own."""
    return field == "body" and isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
