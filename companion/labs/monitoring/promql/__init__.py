"""A small part of PromQL, computed on samples: the second path of the book's monitoring, for a machine without Prometheus.

``promql-parser`` reads an expression, ``grammar`` refuses what is not on its lists, ``expressions`` computes the rest: selectors
with label matchers, ``rate``, ``increase``, ``histogram_quantile``, ``absent``, ``ln``, ``sum``, ``max``, ``min`` and ``count``
with ``by``, arithmetic (with ``on`` and ``group_left``), comparisons that filter, ``and``, ``or``, ``unless``.
Tests compare more than a hundred expressions with a server of version 2.42. Where versions 2 and 3 differ (a sample that lies
exactly on the edge of a window), it refuses as well: what it does not know is a :class:`SettingError`, never a guess.

Every value is an array over the moments that were asked for, NaN where there is none.
"""

from __future__ import annotations

from companion.labs.monitoring.promql.alerts import alert_states, expand, rules, seconds, spans
from companion.labs.monitoring.promql.expressions import evaluate, instant
from companion.labs.monitoring.promql.functions import bucket_quantile, quantile_errors
from companion.labs.monitoring.promql.series import Labels, Series, Vector, labels, parse, read

__all__ = [
    "Labels",
    "Series",
    "Vector",
    "alert_states",
    "bucket_quantile",
    "evaluate",
    "expand",
    "instant",
    "labels",
    "parse",
    "quantile_errors",
    "read",
    "rules",
    "seconds",
    "spans",
]
