"""Rule files: their rules, recorded names written out, and when an alert fires."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from companion.errors import SettingError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TEXT = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`"
#: where no series is named: texts, label matchers, lists of labels
_NO_SERIES = (
    rf"{_TEXT}|\{{(?:{_TEXT}|[^{{}}\"'`])*\}}"
    r"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)"
)


def rules(file: Path) -> list[dict[str, Any]]:
    """The rules of a file in its order, groups after each other."""
    import yaml

    return [rule for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def expand(expression: str, records: Mapping[str, str]) -> str:
    """An expression with the names of recorded series replaced by what they record, in parentheses, until none is left.

    A name inside a text, among label matchers or in a list of labels is no series, and stays.
    """
    if not records:
        return expression
    names = "|".join(re.escape(name) for name in sorted(records, key=len, reverse=True))
    pattern = re.compile(rf"(?P<other>{_NO_SERIES})|(?<![\w:])(?P<name>{names})(?![\w:])")
    for _ in range(10):
        before, expression = expression, pattern.sub(partial(_recorded, records), expression)
        if expression == before:
            return expression
    raise SettingError(f"rules that record each other: {', '.join(records)}")


def _recorded(records: Mapping[str, str], found: re.Match[str]) -> str:
    return found[0] if found["name"] is None else f"({records[found['name']]})"


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
