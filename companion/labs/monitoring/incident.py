"""Four days of a model service's metrics, the last of them a bad one: what a Prometheus that scrapes every minute would hold.

The service predicts failures of machines (``companion.datasets.machines``). Planted, on the last day: a blip of five minutes,
a bad release that is rolled back, a gauge in the factory that is recalibrated so that temperatures shift (which breaks
nothing, and is wrong), and a dependency that fails a little for six hours. Every count is drawn: requests from a Poisson
distribution, their fates and times from binomials and multinomials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from companion.errors import SettingError
from companion.labs.monitoring.promql import Series
from companion.measure.drift import shares_of

JOB, INSTANCE, ROUTE = "model_server", "model-server:8000", "/predict"
STEP_SECONDS = 60
DAYS = 4
ASKED = {"method": "POST", "route": ROUTE}
#: midnight of the first day, UTC: 1 March 2026
START = 1_772_323_200
#: upper bounds of the latency histogram, seconds
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
FEATURES = ("temperature", "vibration")
#: minutes before the end from which on values are counted by bin: the last day, and as long before it as a test looks back
COUNTED_MINUTES = 31 * 60
#: type and help of every metric, by the name of its family
FAMILIES = {
    "service_requests": ("counter", "Requests answered."),
    "service_request_seconds": ("histogram", "Time to answer."),
    "service_requests_in_flight": ("gauge", "Requests under way, but for the probes."),
    "service_feature_values": ("counter", "Values of a feature, by the tenth of its training data."),
    "service_feature_missing": ("counter", "Values of a feature that were missing."),
    "service_feature_out_of_range": ("counter", "Values of a feature outside its range."),
    "service_model": ("gauge", "Always 1; the labels say what is served."),
    "up": ("gauge", "Written by Prometheus itself: 1 when the scrape went well."),
}


@dataclass(frozen=True)
class Event:
    """Something planted on the last day.

    Attributes:
        start, stop: hours of the last day.
        errors: share of requests that fail meanwhile.
        slower: factor on the time to answer.
        model: the version that is served meanwhile.
        shift: degrees that temperatures are off, reached within two hours.
        missing: share of vibration values that are missing.
    """

    name: str
    start: float
    stop: float
    errors: float = 0.0
    slower: float = 1.0
    model: str = ""
    shift: float = 0.0
    missing: float = 0.0


EVENTS = (
    Event("blip", 2.0, 2 + 5 / 60, errors=0.05),
    Event("bad release", 9.0, 9 + 40 / 60, errors=0.06, slower=8.0, model="1.1.0"),
    Event("recalibrated gauge", 12.0, 24.0, shift=6.0, missing=0.05),
    Event("failing dependency", 16.0, 22.0, errors=0.009, slower=1.4),
)
USUAL_ERRORS, USUAL_MISSING, USUAL_ODD, MODEL = 0.0002, 0.001, 0.0001, "1.0.0"


@dataclass(frozen=True)
class Record:
    """What the service would have shown: a list of series, and the samples' times (seconds, shape (minutes,))."""

    series: list[Series]
    times: np.ndarray

    @property
    def last_day(self) -> float:
        """Midnight before the last day."""
        return float(START + (DAYS - 1) * 86400)

    def evaluations(self, step_seconds: float = 60, offset_seconds: float = 30) -> np.ndarray:
        """Moments of the last day at which rules are evaluated: between scrapes, as in real life."""
        return np.arange(self.last_day + offset_seconds, self.times[-1], step_seconds)


def record(reference: np.ndarray, edges: np.ndarray, *, events: tuple[Event, ...] = EVENTS, seed: int = 0) -> Record:
    """The four days.

    Args:
        reference: temperatures that the model was trained on, shape (rows,).
        edges: inner bin edges for the population stability index, ascending, shape (bins - 1,).
    """
    if any(not 0 <= e.start < e.stop <= 24 for e in events):
        raise SettingError("an event lies within the last day: 0 <= start < stop <= 24")
    rng = np.random.default_rng(seed)
    minutes = DAYS * 1440
    times = START + STEP_SECONDS * np.arange(minutes, dtype=float)
    hour = np.arange(minutes) / 60 - 24 * (DAYS - 1)
    per_minute = rng.poisson(60 * (30 + 20 * np.cos(2 * np.pi * (hour - 15) / 24)))
    errors, slower = np.full(minutes, USUAL_ERRORS), np.ones(minutes)
    for event in events:
        during = (hour >= event.start) & (hour < event.stop)
        errors[during] += event.errors
        slower[during] *= event.slower
    failed = rng.binomial(per_minute, errors)
    series = [_series("service_requests_total", times, np.cumsum(per_minute - failed), **ASKED, status="200")]
    series.append(_series("service_requests_total", times, np.cumsum(failed), **ASKED, status="500"))
    series += _latencies(rng, times, per_minute, slower)
    series += _features(rng, times, hour, per_minute, reference, edges, events)
    series += [*_models(times, hour, events), _series("up", times, np.ones(minutes))]
    return Record(series, times)


def _series(name: str, times: np.ndarray, values: np.ndarray, **labels: str) -> Series:
    pairs = {"__name__": name, "instance": INSTANCE, "job": JOB, **labels}
    return Series(pairs, times, np.asarray(values, float))


def _latencies(rng, times, per_minute, slower) -> list[Series]:
    """Log-normal times to answer: half within 60 ms, 99 % within 190 ms on a good day."""
    spread, median = 0.5, 0.06 * slower
    below = np.array([_normal((np.log(b) - np.log(median)) / spread) for b in (*BOUNDS, math.inf)]).T
    shares = np.diff(below, axis=1, prepend=0.0)
    buckets = rng.multinomial(per_minute, shares / shares.sum(axis=1, keepdims=True))
    whole = np.cumsum(np.cumsum(buckets, axis=1), axis=0)
    name, bounds = "service_request_seconds", [*(repr(b) for b in BOUNDS), "+Inf"]
    found = [_series(f"{name}_bucket", times, whole[:, i], route=ROUTE, le=bound) for i, bound in enumerate(bounds)]
    mean = median * math.exp(spread**2 / 2)
    found.append(_series(f"{name}_sum", times, np.cumsum(per_minute * mean).round(3), route=ROUTE))
    found.append(_series(f"{name}_count", times, whole[:, -1], route=ROUTE))
    found.append(_series("service_requests_in_flight", times, rng.poisson(per_minute / 60 * mean)))  # Little's law
    return found


def _normal(z: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(z)


def _features(rng, times, hour, per_minute, reference, edges, events) -> list[Series]:
    """Values by the tenth of the training data that they fall into, values that are missing, and values out of range."""
    shift, missing = np.zeros(len(times)), np.full(len(times), USUAL_MISSING)
    for event in events:
        during = (hour >= event.start) & (hour < event.stop)
        shift += np.where(during, event.shift * np.clip((hour - event.start) / 2, 0, 1), 0)
        missing += np.where(during, event.missing, 0)
    steps, late = np.round(shift, 1), slice(-COUNTED_MINUTES, None)
    shares = {s: shares_of(reference + s, edges) for s in np.unique(steps)}
    found = []
    for feature in FEATURES:
        drifting = feature == "temperature"
        lost = rng.binomial(per_minute, missing if feature == "vibration" else USUAL_MISSING)
        odd = rng.binomial(per_minute - lost, USUAL_ODD)
        seen = rng.multinomial(per_minute - lost - odd, np.array([shares[s if drifting else 0.0] for s in steps]))
        for place, counts in enumerate(np.cumsum(seen, axis=0).T):
            bins = {"feature": feature, "bin": str(place)}
            found.append(_series("service_feature_values_total", times[late], counts[late], **bins))
        found.append(_series("service_feature_missing_total", times[late], np.cumsum(lost)[late], feature=feature))
        found.append(_series("service_feature_out_of_range_total", times[late], np.cumsum(odd)[late], feature=feature))
    return found


def _models(times, hour, events) -> list[Series]:
    """One series a version, with a sample in the minutes in which it was served."""
    version = np.full(len(times), MODEL, dtype=object)
    for event in events:
        if event.model:
            version[(hour >= event.start) & (hour < event.stop)] = event.model
    return [
        _series("service_model", times[version == name], np.ones((version == name).sum()), version=name)
        for name in dict.fromkeys(version)
    ]


def openmetrics(record: Record) -> str:
    """The record as OpenMetrics text with times, which ``promtool tsdb create-blocks-from openmetrics`` takes."""
    lines = []
    for family, (kind, help_text) in FAMILIES.items():
        lines += [f"# HELP {family} {help_text}", f"# TYPE {family} {kind}"]
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}[kind]
        for series in record.series:
            name = series.labels["__name__"]
            if name not in [family + suffix for suffix in suffixes]:
                continue
            pairs = ",".join(f'{k}="{v}"' for k, v in series.labels.items() if k != "__name__")
            head = f"{name}{{{pairs}}} "
            lines += [
                f"{head}{value!r} {int(time)}"
                for time, value in zip(series.times.tolist(), series.values.tolist(), strict=True)
            ]
    return "\n".join([*lines, "# EOF", ""])


def write(record: Record, file: Path) -> Path:
    """``openmetrics`` into a file."""
    file.write_text(openmetrics(record), encoding="utf-8")
    return file


def stretches(seed: int = 0, count: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stretches of three hours in which a service fails from minute 60 on: half of them long, half of them short.

    Between 1 and 10 % of the requests fail, for 40 to 90 minutes or for 1 to 5.

    Returns:
        The share of requests that fail at each minute, shape (count, 180); whether it is a long one; the minute of the cure.
    """
    rng = np.random.default_rng(seed)
    long = np.arange(count) < count // 2
    minutes = np.where(long, rng.integers(40, 91, count), rng.integers(1, 6, count))
    at = np.arange(180)
    failing = (at >= 60) & (at < 60 + minutes[:, None])
    return USUAL_ERRORS + failing * rng.uniform(0.01, 0.1, (count, 1)), long, 60 + minutes


def rule_test(
    record: Record, rules: Path, changes: dict[str, list[int]], *, margin: int = 2, hours_before: int = 6
) -> str:
    """The last day as a test file for ``promtool test rules``: does the rule engine fire when it should?

    Args:
        rules: the rule file; no rule of it may need requests in flight, values out of range, or a histogram's sum.
        changes: by alert, the minutes of the last day at which it begins to fire and ends, in turn.
        margin: minutes before and after each change at which the alert is looked at.
        hours_before: how much of the day before comes along; at least the longest window that is tested.
    """
    import yaml

    first = record.last_day - 3600 * hours_before
    unused = ("_sum", "_in_flight", "out_of_range_total", "service_model")
    series = [
        {"series": _selector(s.labels), "values": " ".join(f"{value:.10g}" for value in s.values[s.times >= first])}
        for s in record.series
        if not s.labels["__name__"].endswith(unused)
    ]
    cases = []
    for alert, minutes in changes.items():
        expression = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) > bool 0 or vector(0)'
        moments = [(m - margin, i % 2) for i, m in enumerate(minutes)]
        moments += [(m + margin, 1 - i % 2) for i, m in enumerate(minutes)] or [(720, 0)]
        for minute, fires in moments:
            expected = [{"labels": "{}", "value": fires}]
            cases.append({"expr": expression, "eval_time": f"{60 * hours_before + minute}m", "exp_samples": expected})
    test = {"name": "the last day", "interval": "1m", "input_series": series, "promql_expr_test": cases}
    whole = {"rule_files": [str(rules.resolve())], "evaluation_interval": "1m", "tests": [test]}
    return yaml.safe_dump(whole, sort_keys=False, width=10**9)


def _selector(labels) -> str:
    pairs = ", ".join(f'{k}="{v}"' for k, v in labels.items() if k != "__name__")
    return f"{labels['__name__']}{{{pairs}}}"
