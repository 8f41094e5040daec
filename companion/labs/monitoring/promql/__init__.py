"""A small part of PromQL, computed on samples: the second path of the book's monitoring, for a machine without Prometheus.

It knows selectors with label matchers, ``rate``, ``increase``, ``histogram_quantile``, ``absent``, ``sum``, ``max``, ``min``
and ``count`` with ``by``, arithmetic, comparisons that filter, ``and``, ``or``, ``unless``. Vectors match on all their labels.
Tests compare it with a real server. What it does not know is a :class:`SettingError`, never a guess.

Every value is an array over the moments that were asked for, NaN where there is none.
"""

from __future__ import annotations

from companion.labs.monitoring.promql.alerts import alert_states, expand, rules, seconds, spans
from companion.labs.monitoring.promql.expressions import evaluate, instant
from companion.labs.monitoring.promql.functions import LOOKBACK_SECONDS, bucket_quantile, extrapolated, quantile_errors
from companion.labs.monitoring.promql.series import Labels, Series, Vector, labels, parse, read

__all__ = [
    "LOOKBACK_SECONDS",
    "Labels",
    "Series",
    "Vector",
    "alert_states",
    "bucket_quantile",
    "evaluate",
    "expand",
    "extrapolated",
    "instant",
    "labels",
    "parse",
    "quantile_errors",
    "read",
    "rules",
    "seconds",
    "spans",
]
