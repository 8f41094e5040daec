"""Expressions read by a maintained parser (``promql-parser``), and what is refused before anything is computed.

The parser follows Prometheus' grammar of another version than the server here, and a grammar is no evaluation: so only what is
on the lists below goes on. Each entry of them is compared with ``promtool`` in ``tests/engines/test_promql_server.py``.
"""

from __future__ import annotations

import re
from typing import Any

import promql_parser as parser

from companion.errors import SettingError

#: characters; the parser ends the whole process on some that are much longer
LONGEST = 4000
FUNCTIONS = ("rate", "increase", "histogram_quantile", "absent", "ln")
AGGREGATES = ("sum", "max", "min", "count")
ARITHMETIC, COMPARISONS, SETS = ("+", "-", "*", "/"), ("==", "!=", ">", "<", ">=", "<="), ("and", "or", "unless")
_TEXT = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`")
_DURATION = re.compile(r"\[\s*(?:\d+[smhdw])+\s*\]")
_ODD_NUMBER = re.compile(r"(?<![\w.:])(?:0\d|0[xXbBoO]|\d[\d.]*(?:ms|[smhdwy_]))\w*")
#: what Go's regular expressions and Python's mean alike
_PATTERN = re.compile(r"(?:[\w .*+?|()/:,@=<>%&#~;!'\"-]|\[\^?[\w.:/ -]+\]|\\[dwDW.*+?|()\[\]{}^$\\/-])*", re.ASCII)
_NAME = "__name__"


def read(expression: str) -> parser.Expr:
    """The tree of an expression that is computed here as the server computes it.

    Raises:
        SettingError: it is no PromQL, or holds something that is not on the lists; the message names it.
    """

    def refuse(what: str) -> SettingError:
        return SettingError(f"{expression!r} is not understood here: {what}. The server may know it: ask there.")

    if len(expression) > LONGEST:
        raise SettingError(f"an expression of {len(expression)} characters is refused: at most {LONGEST}")
    for text in _TEXT.findall(expression):
        if text.startswith("`") and "\\" in text:
            raise refuse(f"a backslash in the raw text {text}")
    bare = _TEXT.sub('""', expression)
    if "#" in bare:
        raise refuse("a comment")
    if re.search(r"[{,]\s*\"\"\s*[,}]", bare):
        raise refuse("a name in quotes")
    if odd := _ODD_NUMBER.search(_DURATION.sub("[]", bare)):
        raise refuse(f"the number {odd[0]!r}")
    try:
        tree = parser.parse(expression)
    except ValueError as error:
        raise refuse(str(error)) from error
    if what := _unknown(tree):
        raise refuse(what)
    return tree


def _unknown(node: Any) -> str:
    """What is not on the lists in a tree; empty for one that is computed here."""
    kind = type(node).__name__
    check = {
        "NumberLiteral": lambda n: "",
        "ParenExpr": lambda n: _unknown(n.expr),
        "UnaryExpr": lambda n: _unknown(n.expr),
        "VectorSelector": _selector,
        "Call": _call,
        "AggregateExpr": _aggregate,
        "BinaryExpr": _binary,
    }.get(kind)
    if check is None:
        names = {"MatrixSelector": "a range outside rate and increase", "SubqueryExpr": "a subquery"}
        return names.get(kind, f"a {kind}")
    return check(node)


def _selector(node: Any) -> str:
    if node.offset is not None or node.at is not None:
        return "an offset, or a time with @"
    if node.matchers.or_matchers:
        return "'or' between matchers"
    matchers = node.matchers.matchers
    if node.name is None and not any(m.name == _NAME for m in matchers):
        return "a selector without a name"
    if node.name is not None and not re.fullmatch(r"[a-zA-Z_:][\w:]*", node.name, re.ASCII):
        return f"the name {node.name!r}"
    for matcher in matchers:
        if not re.fullmatch(r"[a-zA-Z_]\w*", matcher.name, re.ASCII):
            return f"the label {matcher.name!r}"
        if "\n" in matcher.value or not matcher.value.isprintable():
            return f"the value {matcher.value!r}"
        if matcher.op in (parser.MatchOp.Re, parser.MatchOp.NotRe) and not comparable(matcher.value):
            return f"the pattern {matcher.value!r}, which Go and Python may read differently"
    return ""


def comparable(pattern: str) -> bool:
    """Whether Go's regular expressions and Python's mean the same by a pattern."""
    if not _PATTERN.fullmatch(pattern) or "(?" in pattern or re.search(r"[*+?]{2}", pattern):
        return False
    try:
        re.compile(pattern, re.ASCII)
    except re.error:
        return False
    return True


def _call(node: Any) -> str:
    name, arguments = node.func.name, list(node.args)
    if name not in FUNCTIONS:
        return f"the function {name!r}"
    if name in ("rate", "increase"):
        (matrix,) = arguments
        return _selector(matrix.vector_selector) if type(matrix).__name__ == "MatrixSelector" else "a subquery"
    if name == "histogram_quantile" and type(arguments[0]).__name__ not in ("NumberLiteral", "UnaryExpr"):
        return "a quantile that is not written as a number"
    if name == "absent":
        return _absent(arguments[0])
    return next((what for what in map(_unknown, arguments) if what), "")


def _absent(argument: Any) -> str:
    if type(argument).__name__ == "ParenExpr":
        return "parentheses around what may be absent"
    if type(argument).__name__ == "VectorSelector":
        names = [matcher.name for matcher in argument.matchers.matchers]
        if len(set(names)) < len(names):
            return "two matchers of one label within absent"
    return _unknown(argument)


def _aggregate(node: Any) -> str:
    if str(node.op) not in AGGREGATES:
        return f"the aggregation {str(node.op)!r}"
    if node.modifier is not None and node.modifier.type != parser.AggModifierType.By:
        return "'without'"
    if node.modifier is not None and _NAME in node.modifier.labels:
        return f"{_NAME} in 'by'"
    return _unknown(node.expr)


def _binary(node: Any) -> str:
    sign, modifier = str(node.op), node.modifier
    if sign not in (*ARITHMETIC, *COMPARISONS, *SETS):
        return f"{sign!r}"
    if modifier is not None:
        if modifier.return_bool:
            return "'bool'"
        matching, grouped = modifier.matching, modifier.card in _MANY
        if matching is not None and (matching.type != parser.LabelModifierType.Include or sign not in ARITHMETIC):
            return "'ignoring', or 'on' beside a comparison or a set"
        if grouped and (modifier.card != parser.VectorMatchCardinality.ManyToOne or modifier.group_labels):
            return "'group_right', or labels that 'group_left' takes over"
        if grouped and matching is None:
            return "'group_left' without 'on'"
        if modifier.fill_values.lhs is not None or modifier.fill_values.rhs is not None:
            return "'fill'"
    return _unknown(node.lhs) or _unknown(node.rhs)


_MANY = (parser.VectorMatchCardinality.ManyToOne, parser.VectorMatchCardinality.OneToMany)
