"""A small part of PromQL, computed on samples: the second path of the book's monitoring, for a machine without Prometheus.

It knows selectors with label matchers, ``rate``, ``increase``, ``histogram_quantile``, ``absent``, ``sum``, ``max``, ``min``
and ``count`` with ``by``, arithmetic, comparisons that filter, ``and``, ``or``, ``unless``. Vectors match on all their labels.
Tests compare it with a real server. What it does not know is a :class:`SettingError`, never a guess.

Every value is an array over the moments that were asked for, NaN where there is none.

Source: Prometheus' ``promql/functions.go`` (``extrapolatedRate``) and ``promql/quantile.go`` (``bucketQuantile``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from companion.errors import SettingError

LOOKBACK_SECONDS = 300.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
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

#: labels as sorted pairs
Labels = tuple[tuple[str, str], ...]
#: labels to an array over the moments asked for
Vector = dict[Labels, np.ndarray]


def labels(**pairs: str) -> Labels:
    """The key of a series in a :data:`Vector`."""
    return tuple(sorted(pairs.items()))


@dataclass(frozen=True)
class Series:
    """One series: its labels (the name among them, as ``__name__``), times in seconds, values; both of shape (samples,)."""

    labels: Mapping[str, str]
    times: np.ndarray
    values: np.ndarray


def parse(exposition: str, at: float = 0.0) -> list[Series]:
    """The samples of an exposition (the text that a service shows at ``/metrics``), all of one moment."""
    from prometheus_client.parser import text_string_to_metric_families

    return [
        Series({"__name__": sample.name, **sample.labels}, np.array([float(at)]), np.array([float(sample.value)]))
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    ]


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


def read(answer: Mapping[str, Any], at: Sequence[float] | np.ndarray) -> Vector:
    """The ``data`` of a server's answer to a range query (or an instant one), as :func:`evaluate` would give it.

    Times are matched to the millisecond, NaN where the server has nothing.
    """
    moments = {round(1000 * t): i for i, t in enumerate(np.asarray(at, float))}
    result = answer["result"]
    if answer["resultType"] == "scalar":
        result = [{"metric": {}, "value": result}]
    found: Vector = {}
    for entry in result:
        key = labels(**entry["metric"])
        line = found.setdefault(key, np.full(len(moments), np.nan))
        for time, value in entry.get("values") or [entry["value"]]:
            line[moments[round(1000 * float(time))] if "values" in entry else 0] = float(value)
    return found


def rules(file: Path) -> list[dict[str, Any]]:
    """The rules of a file in its order, groups after each other."""
    import yaml

    return [rule for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def expand(expression: str, records: Mapping[str, str]) -> str:
    """An expression with the names of recorded series replaced by what they record, in parentheses, until none is left."""
    for _ in range(10):
        before = expression
        for name, recorded in records.items():
            expression = re.sub(rf"(?<![\w:]){re.escape(name)}(?![\w:])", lambda _, r=recorded: f"({r})", expression)
        if expression == before:
            return expression
    raise SettingError(f"rules that record each other: {', '.join(records)}")


def alert_states(active: np.ndarray, times: np.ndarray, hold_seconds: float) -> np.ndarray:
    """0 inactive, 1 pending, 2 firing at each evaluation, for an alert with ``for: hold_seconds``; shape of ``active``."""
    states, since = np.zeros(len(active), int), None
    for i, on in enumerate(active):
        since = (times[i] if since is None else since) if on else None
        if on:
            states[i] = 2 if times[i] - since >= hold_seconds else 1
    return states


def spans(on: np.ndarray) -> list[tuple[int, int]]:
    """Index of the first of each stretch of true values, and of the one after its last."""
    ends = np.flatnonzero(np.diff(on.astype(int), prepend=0, append=0)).reshape(-1, 2)
    return [(int(first), int(end)) for first, end in ends]


def seconds(duration: str) -> float:
    """Seconds of a duration such as ``5m`` or ``1h30m``."""
    if not re.fullmatch(r"(\d+[smhdw])+", duration):
        raise SettingError(f"no duration: {duration!r}; it looks like 5m or 1h30m")
    return float(sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([smhdw])", duration)))


# the parts


def bucket_quantile(q: float, bounds: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """``histogram_quantile``: the rank's bucket is found, and within it observations are taken as spread evenly.

    Args:
        bounds: upper bounds, ascending, the last one infinite; shape (buckets,).
        counts: cumulative; shape (buckets, moments).

    Returns:
        Shape (moments,); NaN where nothing was observed. A rank in the last bucket gives the largest finite bound.
    """
    if len(bounds) < 2 or not np.isinf(bounds[-1]):
        return np.full(counts.shape[1], np.nan)
    counts = np.maximum.accumulate(counts, axis=0)
    total = counts[-1]
    if not 0 <= q <= 1:
        return np.where(total > 0, np.inf if q > 1 else -np.inf, np.nan)
    rank = q * total
    at = np.minimum((counts[:-1] < rank).sum(axis=0), len(bounds) - 1)
    column, inside = np.arange(counts.shape[1]), np.minimum(at, len(bounds) - 2)
    low = np.where(inside > 0, bounds[inside - 1], 0.0)
    before = np.where(inside > 0, counts[inside - 1, column], 0.0)
    share = (rank - before) / (counts[inside, column] - before)
    value = low + (bounds[inside] - low) * share
    value = np.where((inside == 0) & (bounds[0] <= 0), bounds[0], value)
    return np.where(total > 0, np.where(at == len(bounds) - 1, bounds[-2], value), np.nan)


def quantile_errors(values: np.ndarray, bounds: Sequence[float], q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far quantiles from buckets are off, and how far they can be: relative to the exact ones, each of shape of ``q``.

    The second is the width of the bucket that holds the exact quantile; infinite beyond the last bound.
    """
    edges, exact = np.array([0.0, *bounds, np.inf]), np.quantile(values, q)
    counts = np.searchsorted(np.sort(values), edges[1:], side="right")[:, None].astype(float)
    guessed = np.array([bucket_quantile(one, edges[1:], counts)[0] for one in q])
    return guessed / exact - 1, np.diff(edges)[np.searchsorted(edges, exact) - 1] / exact


def extrapolated(series: Series, at: np.ndarray, window: float, per_second: bool) -> np.ndarray:
    """``rate`` or ``increase`` of a counter: resets are bridged, and the ends of the window extrapolated to."""
    times = series.times
    drops = np.where(np.diff(series.values) < 0, series.values[:-1], 0.0)
    whole = series.values + np.concatenate([[0.0], np.cumsum(drops)])
    first = np.searchsorted(times, at - window, "left")
    last = np.searchsorted(times, at, "right") - 1
    enough = last > first
    first, last = np.where(enough, first, 0), np.where(enough, last, min(1, len(times) - 1))
    result, sampled = whole[last] - whole[first], times[last] - times[first]
    between = sampled / np.maximum(last - first, 1)
    to_start, to_end = times[first] - (at - window), at - times[last]
    to_zero = np.where(result > 0, sampled * series.values[first] / np.where(result > 0, result, 1), np.inf)
    to_start = np.minimum(to_start, to_zero)
    covered = sampled + np.where(to_start < 1.1 * between, to_start, between / 2)
    covered = covered + np.where(to_end < 1.1 * between, to_end, between / 2)
    value = result * covered / sampled / (window if per_second else 1.0)
    return np.where(enough, value, np.nan)


def _latest(series: Series, at: np.ndarray) -> np.ndarray:
    last = np.searchsorted(series.times, at, "right") - 1
    fresh = (last >= 0) & (at - series.times[last] < LOOKBACK_SECONDS)
    return np.where(fresh, series.values[last], np.nan)


def _quantile(q: float, vector: Vector) -> Vector:
    groups: dict[Labels, list[tuple[float, np.ndarray]]] = {}
    for key, values in vector.items():
        pairs = dict(key)
        if "le" in pairs:
            bound = float(pairs.pop("le"))
            groups.setdefault(labels(**_nameless(pairs)), []).append((bound, values))
    found = {}
    for key, buckets in groups.items():
        buckets.sort(key=lambda pair: pair[0])
        counts = np.nan_to_num(np.array([values for _, values in buckets]))
        found[key] = bucket_quantile(q, np.array([bound for bound, _ in buckets]), counts)
    return found


def _nameless(pairs: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in pairs.items() if k != "__name__"}


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
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
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
                tuple(sorted(series.labels.items())): _latest(series, self.at)
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
                    found[labels(**_nameless(series.labels))] = extrapolated(series, self.at, window, name == "rate")
        elif name == "histogram_quantile":
            q = self.binary(0)
            self.take(",")
            vector = self.binary(0)
            if isinstance(q, dict) or not isinstance(vector, dict):
                raise self.wrong("histogram_quantile takes a number and a vector")
            found = _quantile(q, vector)
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
        left_by, right_by = (_by_nameless(side) if isinstance(side, dict) else None for side in (left, right))
        found: Vector = {}
        for key in left_by if left_by is not None else right_by:
            a = (key, left) if left_by is None else left_by[key]
            b = (key, right) if right_by is None else right_by.get(key)
            if b is None:
                continue
            if function is not None:
                found[key] = function(a[1], b[1])
            else:  # a comparison filters, and keeps the vector's own labels
                label, values = (a[0], a[1]) if left_by is not None else (b[0], b[1])
                found[label] = np.where(_COMPARE[sign](a[1], b[1]), values, np.nan)
        return found


def _matches(series: Mapping[str, str], name: str, sign: str, text: str) -> bool:
    value = series.get(name, "")
    hit = re.fullmatch(text, value) is not None if sign.endswith("~") else value == text
    return hit != sign.startswith("!")


def _by_nameless(vector: Vector) -> dict[Labels, tuple[Labels, np.ndarray]]:
    return {labels(**_nameless(dict(key))): (key, values) for key, values in vector.items()}


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
