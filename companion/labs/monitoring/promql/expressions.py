"""Expressions computed over the moments that were asked for, as a server of version 2 computes them at each.

A value may be a NaN (``0 / 0``) and be there all the same: so each line is a pair of arrays, the values and whether they are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import promql_parser as parser

from companion.errors import SettingError
from companion.labs.monitoring.promql import grammar
from companion.labs.monitoring.promql.functions import bucket_quantile, extrapolated, latest
from companion.labs.monitoring.promql.series import Labels, Series, Vector, labels, nameless


class Line(NamedTuple):
    """Values over the moments, and whether there is one at all; both of shape (moments,)."""

    values: np.ndarray
    there: np.ndarray


Lines = dict[Labels, Line]

_AGGREGATES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "sum": lambda v, t: np.where(t, v, 0.0).sum(axis=0),
    "count": lambda v, t: t.sum(axis=0).astype(float),
    # a NaN loses against any number, and stays where it is alone
    "max": lambda v, t: np.fmax.reduce(np.where(t, v, np.nan), axis=0),
    "min": lambda v, t: np.fmin.reduce(np.where(t, v, np.nan), axis=0),
}
_ARITHMETIC = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_COMPARE = {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal}
_COMPARE |= {"==": np.equal, "!=": np.not_equal}


def evaluate(expression: str, samples: Iterable[Series], at: Sequence[float] | np.ndarray) -> Vector:
    """An expression at the moments ``at`` (seconds). A plain number comes back under the empty key.

    Returns:
        By labels, shape (moments,): NaN where there is no value, and where the value is one.

    Raises:
        SettingError: it is no PromQL, of the part that is not known here, or one that a server refuses for these samples.
    """
    lines = _computed(expression, samples, at)
    return {key: np.where(line.there, line.values, np.nan) for key, line in lines.items() if line.there.any()}


def instant(expression: str, samples: Iterable[Series], at: float = 0.0) -> dict[Labels, float]:
    """An expression at one moment; a series without a value is left out, one whose value is NaN is not."""
    found = _computed(expression, samples, [at])
    return {key: float(line.values[0]) for key, line in found.items() if line.there[0]}


def _computed(expression: str, samples: Iterable[Series], at: Sequence[float] | np.ndarray) -> Lines:
    moments = np.asarray(at, float)
    try:
        tree = grammar.read(expression)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            result = _Evaluation(expression, list(samples), moments).of(tree)
    except RecursionError as error:
        raise SettingError(f"{expression[:40]!r}... is nested too deep") from error
    if isinstance(result, dict):
        return result
    return {(): Line(np.full(moments.shape, float(result)), np.ones(moments.shape, bool))}


class _Evaluation:
    """One expression on some samples; ``of`` goes through its tree."""

    def __init__(self, expression: str, samples: list[Series], at: np.ndarray):
        self.expression, self.samples, self.at = expression, samples, at
        keys = [labels(**series.labels) for series in samples]
        if len(set(keys)) < len(keys):
            raise SettingError("two of the series have the same labels: a server would hold one")

    def wrong(self, what: str) -> SettingError:
        return SettingError(f"{self.expression!r}: {what}")

    def unique(self, lines: Iterable[tuple[Labels, Line]]) -> Lines:
        """Lines by labels; SettingError where the server says that a vector can't contain two with the same."""
        found: Lines = {}
        for key, line in lines:
            if key in found:
                raise self.wrong(f"two series become the same, {dict(key)}: a server refuses that")
            found[key] = line
        return found

    def of(self, node: Any) -> Lines | float:
        match node:
            case parser.NumberLiteral():
                return float(node.val)
            case parser.ParenExpr():
                return self.of(node.expr)
            case parser.UnaryExpr():
                return self.combine("*", self.of(node.expr), -1.0)
            case parser.VectorSelector():
                chosen = ((labels(**s.labels), Line(*latest(s, self.at))) for s in self.select(node))
                return self.unique(chosen)
            case parser.AggregateExpr():
                return self.aggregate(node)
            case parser.Call():
                return self.call(node)
        assert isinstance(node, parser.BinaryExpr)
        on = None
        if node.modifier is not None and node.modifier.matching is not None:
            on = tuple(node.modifier.matching.labels)
        grouped = node.modifier is not None and node.modifier.card == parser.VectorMatchCardinality.ManyToOne
        return self.combine(str(node.op), self.of(node.lhs), self.of(node.rhs), on, grouped)

    def vector(self, node: Any) -> Lines:
        """A part that has to be a vector; the parser takes a number with a sign for one."""
        found = self.of(node)
        if not isinstance(found, dict):
            raise self.wrong("a plain number where a vector belongs")
        return found

    def select(self, node: Any) -> list[Series]:
        """The series that a selector means, of those that have samples."""
        wanted = [(m.name, m.op, m.value) for m in node.matchers.matchers]
        if node.name is not None:
            wanted.append(("__name__", parser.MatchOp.Equal, node.name))
        return [s for s in self.samples if len(s.times) and all(_matches(s.labels, *one) for one in wanted)]

    def aggregate(self, node: Any) -> Lines:
        inner = self.vector(node.expr)
        by = set(node.modifier.labels) if node.modifier is not None else set()
        groups: dict[Labels, list[Line]] = {}
        for key, line in inner.items():
            groups.setdefault(labels(**{k: v for k, v in key if k in by}), []).append(line)
        found: Lines = {}
        for key, lines in groups.items():
            values, there = (np.array(part) for part in zip(*lines, strict=True))
            found[key] = Line(_AGGREGATES[str(node.op)](values, there), there.any(axis=0))
        return found

    def call(self, node: Any) -> Lines:
        name, arguments = node.func.name, list(node.args)
        if name in ("rate", "increase"):
            window = arguments[0].range.total_seconds()
            chosen = self.select(arguments[0].vector_selector)
            rates = ((labels(**nameless(s.labels)), extrapolated(s, self.at, window, name == "rate")) for s in chosen)
            return self.unique((key, Line(values, there)) for key, (values, there) in rates)
        inner = self.vector(arguments[-1])
        if name == "ln":
            return self.unique((_bare(key), Line(np.log(line.values), line.there)) for key, line in inner.items())
        if name == "histogram_quantile":
            q = self.of(arguments[0])
            if not isinstance(q, float):
                raise self.wrong("a quantile that is not a number")
            return self.quantiles(q, inner)
        gone = ~np.logical_or.reduce([np.zeros(len(self.at), bool), *(line.there for line in inner.values())])
        selector = arguments[0]
        equal = selector.matchers.matchers if isinstance(selector, parser.VectorSelector) else []
        pairs = {m.name: m.value for m in equal if m.op == parser.MatchOp.Equal and m.name != "__name__" and m.value}
        return {labels(**pairs): Line(np.ones(len(self.at)), gone)}

    def quantiles(self, q: float, vector: Lines) -> Lines:
        """``histogram_quantile`` of each histogram: of the series that differ in ``le`` alone."""
        groups: dict[Labels, dict[float, Line]] = {}
        for key, line in vector.items():
            pairs = dict(key)
            try:
                bound = float(pairs.pop("le"))
            except (KeyError, ValueError):
                raise self.wrong(f"{pairs} is no bucket of a histogram: its 'le' is missing, or no number") from None
            buckets = groups.setdefault(labels(**nameless(pairs)), {})
            if bound in buckets:
                raise self.wrong(f"two buckets with the bound {bound} of {nameless(pairs)}")
            buckets[bound] = line
        found: Lines = {}
        for key, buckets in groups.items():
            bounds = np.array(sorted(buckets))
            lines = [buckets[bound] for bound in bounds]
            there = np.array([line.there for line in lines])
            if (there.any(axis=0) != there.all(axis=0)).any():
                raise self.wrong(f"some buckets of {dict(key)} are missing at some moments")
            counts = np.array([line.values for line in lines])
            found[key] = Line(bucket_quantile(q, bounds, np.where(there, counts, 0.0)), there.any(axis=0))
        return found

    def combine(
        self, sign: str, left: Lines | float, right: Lines | float, on: tuple[str, ...] | None = None, grouped=False
    ) -> Lines | float:
        if isinstance(left, float) and isinstance(right, float) and sign in _ARITHMETIC:
            return float(_ARITHMETIC[sign](np.float64(left), np.float64(right)))
        if isinstance(left, dict) and isinstance(right, dict):
            if sign in grammar.SETS:
                return _sets(sign, left, right)
            return self.matched(sign, left, right, on, grouped)
        vector, found = left if isinstance(left, dict) else right, []
        if not isinstance(vector, dict) or sign in grammar.SETS or on is not None:
            raise self.wrong(f"{sign!r} beside a plain number")
        for key, line in vector.items():
            one, other = (line.values, right) if isinstance(left, dict) else (left, line.values)
            found.append(_applied(sign, key, line, one, other, line.there))
        return self.unique(found)

    def matched(self, sign: str, left: Lines, right: Lines, on: tuple[str, ...] | None, grouped: bool) -> Lines:
        """Two vectors, each series with its partner: the one with the same labels, or the same of those in ``on``."""

        def group(key: Labels) -> Labels:
            return _bare(key) if on is None else labels(**{k: v for k, v in key if k in on})

        partners = self.unique((group(key), line) for key, line in right.items())
        if not grouped:
            self.unique((group(key), line) for key, line in left.items())
        found = []
        for key, line in left.items():
            if (other := partners.get(group(key))) is not None:
                both = line.there & other.there
                named, result = _applied(sign, key, line, line.values, other.values, both)
                found.append((group(key) if on is not None and not grouped else named, result))
        return self.unique(found)


def _applied(sign: str, key: Labels, line: Line, left: Any, right: Any, there: np.ndarray) -> tuple[Labels, Line]:
    """Arithmetic drops the name; a comparison filters, and keeps the series as it is."""
    if sign in _ARITHMETIC:
        return _bare(key), Line(_ARITHMETIC[sign](left, right), there)
    return key, Line(line.values, there & _COMPARE[sign](left, right))


def _bare(key: Labels) -> Labels:
    return labels(**nameless(dict(key)))


def _matches(series: Mapping[str, str], name: str, op: Any, text: str) -> bool:
    value = series.get(name, "")
    if op in (parser.MatchOp.Re, parser.MatchOp.NotRe):
        if not value.isprintable():
            raise SettingError(f"a pattern on the value {value!r}, which Go and Python may read differently")
        return (re.fullmatch(text, value, re.ASCII) is not None) == (op == parser.MatchOp.Re)
    return (value == text) == (op == parser.MatchOp.Equal)


def _sets(sign: str, left: Lines, right: Lines) -> Lines:
    def present(lines: Lines) -> dict[Labels, np.ndarray]:
        found: dict[Labels, np.ndarray] = {}
        for key, line in lines.items():
            found[_bare(key)] = found.get(_bare(key), False) | line.there
        return found

    mine, theirs = present(left), present(right)
    if sign == "or":
        found = dict(left)
        for key, line in right.items():
            there = line.there & ~mine.get(_bare(key), np.zeros(len(line.there), bool))
            if key in found:
                values = np.where(there, line.values, found[key].values)
                found[key] = Line(values, there | found[key].there)
            else:
                found[key] = Line(line.values, there)
        return found
    found = {}
    for key, line in left.items():
        other = theirs.get(_bare(key), np.zeros(len(line.there), bool))
        found[key] = Line(line.values, line.there & (~other if sign == "unless" else other))
    return found
