"""Expressions, parsed and computed in one go, over the moments that were asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np

from companion.errors import SettingError
from companion.labs.monitoring.promql.alerts import seconds
from companion.labs.monitoring.promql.functions import extrapolated, histogram_quantile, latest
from companion.labs.monitoring.promql.series import Labels, Series, Vector, labels, nameless

_TOKEN = re.compile(
    r"\s*(?:(?P<duration>(?:\d+[smhdw])+)(?![\w.])|(?P<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)"
    r"|(?P<name>[a-zA-Z_:][\w:]*)|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<sign>=~|!~|!=|==|>=|<=|[-+*/<>=(){}\[\],]))"
)
_LEVELS = (("or",), ("and", "unless"), ("==", "!=", ">", "<", ">=", "<="), ("+", "-"), ("*", "/"))
_AGGREGATES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sum": lambda v: np.nansum(v, axis=0),
    "max": lambda v: np.nanmax(np.where(np.isnan(v), -np.inf, v), axis=0),
    "min": lambda v: np.nanmin(np.where(np.isnan(v), np.inf, v), axis=0),
    "count": lambda v: (~np.isnan(v)).sum(axis=0).astype(float),
}
_ARITHMETIC = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_COMPARE = {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal}
_COMPARE |= {"==": np.equal, "!=": np.not_equal}


def evaluate(expression: str, samples: Iterable[Series], at: Sequence[float] | np.ndarray) -> Vector:
    """An expression at the moments ``at`` (seconds). A plain number comes back under the empty key.

    Raises:
        SettingError: it is no PromQL, or of the part that is not known here.
    """
    moments = np.asarray(at, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = _Parser(expression, list(samples), moments).whole()
    return result if isinstance(result, dict) else {(): np.full(moments.shape, float(result))}


def instant(expression: str, samples: Iterable[Series], at: float = 0.0) -> dict[Labels, float]:
    """An expression at one moment."""
    found = evaluate(expression, samples, [at])
    return {key: float(values[0]) for key, values in found.items() if not np.isnan(values[0])}


class _Parser:
    """Recursive descent over the tokens; computes as it goes."""

    def __init__(self, expression: str, samples: list[Series], at: np.ndarray):
        self.expression, self.samples, self.at = expression, samples, at
        self.tokens: list[tuple[str, str]] = []
        end, text = 0, expression.rstrip()
        while end < len(text):
            match = _TOKEN.match(text, end)
            if match is None:
                raise self.wrong(f"at {text[end:].strip()[:12]!r}")
            kind = match.lastgroup or ""
            self.tokens.append((kind, match[kind]))
            end = match.end()

    def wrong(self, what: str) -> SettingError:
        return SettingError(f"{self.expression!r} is not understood here: {what}")

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[ahead][1] if len(self.tokens) > ahead else ""

    def take(self, wanted: str | None = None) -> str:
        if not self.tokens or wanted not in (None, self.peek()):
            raise self.wrong(f"{wanted or 'more'!r} was expected, not {self.peek() or 'the end'!r}")
        return self.tokens.pop(0)[1]

    def whole(self) -> Vector | float:
        result = self.binary(0)
        if self.tokens:
            raise self.wrong(f"what follows from {self.peek()!r}")
        return result

    def binary(self, level: int) -> Vector | float:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in _LEVELS[level]:
            sign = self.take()
            if self.peek() in ("on", "ignoring", "bool"):
                raise self.wrong(f"{self.peek()!r} is not known")
            left = self.combine(sign, left, self.binary(level + 1))
        return left

    def unary(self) -> Vector | float:
        if self.peek() == "-":
            self.take()
            return self.combine("*", -1.0, self.unary())
        kind, text = self.tokens[0] if self.tokens else ("", "")
        if kind == "number":
            return float(self.take())
        if text == "(":
            return self.parenthesised()
        if text in _AGGREGATES:
            return self.aggregate(self.take())
        if kind == "name" and self.peek(1) == "(":
            return self.function(self.take())
        if kind == "name" or text == "{":
            return {
                tuple(sorted(series.labels.items())): latest(series, self.at)
                for series in self.select()
                if len(series.times)
            }
        raise self.wrong(f"at {text or 'the end'!r}")

    def parenthesised(self) -> Vector | float:
        self.take("(")
        inner = self.binary(0)
        self.take(")")
        return inner

    def aggregate(self, name: str) -> Vector:
        by = self.by()
        vector = self.parenthesised()
        by = self.by() if by is None else by
        if not isinstance(vector, dict):
            raise self.wrong(f"{name} of a plain number")
        groups: dict[Labels, list[np.ndarray]] = {}
        for key, values in vector.items():
            kept = {k: v for k, v in key if k in (by or ())}
            groups.setdefault(labels(**kept), []).append(values)
        stacks = {key: np.array(rows) for key, rows in groups.items()}
        return {
            key: np.where(np.isnan(rows).all(axis=0), np.nan, _AGGREGATES[name](rows)) for key, rows in stacks.items()
        }

    def by(self) -> list[str] | None:
        if self.peek() == "without":
            raise self.wrong("'without' is not known")
        if self.peek() != "by":
            return None
        self.take()
        self.take("(")
        names = []
        while self.peek() != ")":
            names.append(self.take())
            if self.peek() == ",":
                self.take()
        self.take(")")
        return names

    def function(self, name: str) -> Vector:
        self.take()
        if name in ("rate", "increase"):
            chosen = self.select()
            self.take("[")
            window = seconds(self.take())
            self.take("]")
            found: Vector = {}
            for series in chosen:
                if len(series.times) > 1:
                    found[labels(**nameless(series.labels))] = extrapolated(series, self.at, window, name == "rate")
        elif name == "histogram_quantile":
            q = self.binary(0)
            self.take(",")
            vector = self.binary(0)
            if isinstance(q, dict) or not isinstance(vector, dict):
                raise self.wrong("histogram_quantile takes a number and a vector")
            found = histogram_quantile(q, vector)
        elif name == "absent":
            start = list(self.tokens)
            vector = self.binary(0)
            there = np.zeros(len(self.at), bool)
            for values in vector.values() if isinstance(vector, dict) else ():
                there |= ~np.isnan(values)
            equal = [
                (start[i][1], start[i + 2][1][1:-1]) for i in range(1, len(start) - 2) if start[i + 1] == ("sign", "=")
            ]
            found = {labels(**dict(equal)): np.where(there, np.nan, 1.0)}
        else:
            raise self.wrong(f"the function {name!r} is not known")
        self.take(")")
        return found

    def select(self) -> list[Series]:
        """The series that a selector means."""
        wanted = [] if self.peek() == "{" else [("__name__", "=", self.take())]
        if self.peek() == "{":
            self.take()
            while self.peek() != "}":
                name, sign, text = self.take(), self.take(), self.take()
                if sign not in ("=", "!=", "=~", "!~"):
                    raise self.wrong(f"{sign!r} between a label and its value")
                wanted.append((name, sign, text[1:-1]))
                if self.peek() == ",":
                    self.take()
            self.take("}")
        return [series for series in self.samples if all(_matches(series.labels, *one) for one in wanted)]

    def combine(self, sign: str, left: Vector | float, right: Vector | float) -> Vector | float:
        if sign in ("and", "or", "unless"):
            if not (isinstance(left, dict) and isinstance(right, dict)):
                raise self.wrong(f"{sign!r} of a plain number")
            return _sets(sign, left, right)
        function = _ARITHMETIC.get(sign)
        if not isinstance(left, dict) and not isinstance(right, dict):
            if function is None:
                raise self.wrong("two plain numbers compared")
            return float(function(left, right))
        found: Vector = {}
        for one in _matched(left, right):
            if function is not None:
                found[one.bare] = function(one.left, one.right)
            else:  # a comparison filters, and keeps the vector's own labels
                found[one.own] = np.where(_COMPARE[sign](one.left, one.right), one.values, np.nan)
        return found


class _Matched(NamedTuple):
    """Two operands that belong together; ``own`` and ``values`` are the vector's, the left one's where both are."""

    bare: Labels
    own: Labels
    left: np.ndarray | float
    right: np.ndarray | float
    values: np.ndarray


def _matched(left: Vector | float, right: Vector | float) -> Iterator[_Matched]:
    if isinstance(left, dict):
        theirs = _by_nameless(right) if isinstance(right, dict) else None
        for bare, (own, values) in _by_nameless(left).items():
            if theirs is None:
                yield _Matched(bare, own, values, cast(float, right), values)
            elif bare in theirs:
                yield _Matched(bare, own, values, theirs[bare][1], values)
    elif isinstance(right, dict):
        for bare, (own, values) in _by_nameless(right).items():
            yield _Matched(bare, own, left, values, values)


def _matches(series: Mapping[str, str], name: str, sign: str, text: str) -> bool:
    value = series.get(name, "")
    hit = re.fullmatch(text, value) is not None if sign.endswith("~") else value == text
    return hit != sign.startswith("!")


def _by_nameless(vector: Vector) -> dict[Labels, tuple[Labels, np.ndarray]]:
    return {labels(**nameless(dict(key))): (key, values) for key, values in vector.items()}


def _sets(sign: str, left: Vector, right: Vector) -> Vector:
    mine, theirs = _by_nameless(left), _by_nameless(right)
    found: Vector = {}
    for bare, (key, values) in mine.items():
        other = theirs[bare][1] if bare in theirs else np.full(len(values), np.nan)
        if sign == "or":
            found[key] = np.where(np.isnan(values), other, values)
        else:
            found[key] = np.where(np.isnan(other) == (sign == "unless"), values, np.nan)
    if sign == "or":
        found |= {key: values for bare, (key, values) in theirs.items() if bare not in mine}
    return found
