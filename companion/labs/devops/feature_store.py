"""What the notebook on a feature store uses besides its own cells: time lines to replay, a store in memory beside the real one,
shares with their intervals, and the pictures.

A history is a table of one feature's versions, one row for each moment at which a window's value became known, with the columns
``restaurant``, ``event_time`` (the window's end), ``known_time`` and ``value``; times are whole seconds.
"""

from __future__ import annotations

import hashlib
import platform
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from companion import draw
from companion.datasets.orders import DAY, HOUR
from companion.measure.drift import psi, shares_of
from companion.measure.timing import student

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from psycopg import Connection

COLUMNS = ["restaurant", "event_time", "known_time", "value"]
_TIME = itemgetter(0)


def between(events: Sequence[tuple[int, Any]], first: int, stop: int) -> Sequence[tuple[int, Any]]:
    """Of events in the order of their times those with ``first <= time < stop``."""
    return events[bisect_left(events, first, key=_TIME) : bisect_left(events, stop, key=_TIME)]


def midnights(seconds: np.ndarray) -> np.ndarray:
    """The midnight at which the day of each moment ends; a midnight ends the day before it."""
    return -(-seconds // DAY) * DAY


def as_history(rows: Iterable[tuple[int, int, int, float]]) -> pd.DataFrame:
    """Rows in COLUMNS as a history, in the order in which a store gets them."""
    import pandas as pd

    return pd.DataFrame(list(rows), columns=COLUMNS).sort_values(
        ["known_time", "event_time", "restaurant"], ignore_index=True
    )


def timeline(history: Mapping[str, pd.DataFrame], requests: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Writes and questions in the order of their seconds; within a second the writes come first.

    Args:
        history: by the feature's name.
        requests: with ``restaurant`` and ``asked``; questions of one second keep their order.

    Returns:
        ``("put", restaurant, feature, event_time, value)`` and ``("ask", restaurant, asked)``.
    """
    steps: list[tuple[int, int, tuple[Any, ...]]] = []
    for name, table in history.items():
        for restaurant, event_time, known_time, value in table[COLUMNS].itertuples(index=False, name=None):
            steps.append((known_time, 0, ("put", restaurant, name, event_time, value)))
    for restaurant, asked in requests[["restaurant", "asked"]].itertuples(index=False, name=None):
        steps.append((asked, 1, ("ask", restaurant, asked)))
    steps.sort(key=itemgetter(0, 1))
    yield from (step for _, _, step in steps)


def served_in_memory(history: Mapping[str, pd.DataFrame], requests: pd.DataFrame, ttl: Mapping[str, int]) -> np.ndarray:
    """What a store that keeps the newest event answers to each request, NaN for null; shape (requests, features).

    The rule of the notebook's Redis in a dictionary, for cities beyond the first.

    Args:
        ttl: seconds by the feature's name, in the order of the columns.
    """
    held: dict[tuple[int, str], tuple[int, float]] = {}
    answers = []
    for kind, restaurant, *rest in timeline(history, requests):
        if kind == "put":
            name, event_time, value = rest
            if held.get((restaurant, name), (event_time, 0.0))[0] <= event_time:
                held[restaurant, name] = (event_time, value)
        else:
            found = [held.get((restaurant, name)) for name in ttl]
            alive = zip(found, ttl.values(), strict=True)
            answers.append([f[1] if f and rest[0] - f[0] <= seconds else np.nan for f, seconds in alive])
    return np.array(answers).reshape(len(requests), len(ttl))


def differ(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where two arrays differ in any bit that counts: two nulls are equal."""
    return ~((first == second) | (np.isnan(first) & np.isnan(second)))


def during(requests: pd.DataFrame, spans: pd.DataFrame) -> np.ndarray:
    """Which requests fall into their restaurant's spans (``restaurant``, ``begin``, ``end`` in seconds; the end is no part)."""
    inside = np.zeros(len(requests), bool)
    for restaurant, begin, end in spans[["restaurant", "begin", "end"]].itertuples(index=False, name=None):
        inside |= ((requests["restaurant"] == restaurant) & requests["asked"].between(begin, end, "left")).to_numpy()
    return inside


def digest(table: np.ndarray) -> str:
    """The first twelve digits of the SHA-256 of a table of numbers, the same for every NaN."""
    plain = np.where(np.isnan(table), np.nan, table).astype("<f8")
    return hashlib.sha256(np.ascontiguousarray(plain).tobytes()).hexdigest()[:12]


def inputs(requests: pd.DataFrame, vectors: np.ndarray) -> np.ndarray:
    """What a model sees: the restaurant's number, distance (km), hour of the day, the features; shape (requests, 3 + features)."""
    own = (requests["restaurant"], requests["distance_km"], requests["asked"] % DAY / HOUR)
    return np.column_stack([*own, vectors])


def simple_errors(requests: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Mean absolute error, minutes, of two means on days 10 and later; they need no store, so what is promised is delivered.

    The restaurant's mean so far counts a delivery once it is over; the hour's mean is that of days 2 to 9.
    """
    import pandas as pd

    day, hour = requests["asked"] // DAY, requests["asked"] % DAY // HOUR
    late = day >= 10
    over = requests.assign(done=(requests["asked"] + 60 * requests["minutes"]).round().astype(int))
    over = over.sort_values("done", kind="stable")
    over["guess"] = over.groupby("restaurant")["minutes"].expanding().mean().droplevel(0)
    so_far = pd.merge_asof(
        requests, over[["done", "restaurant", "guess"]], left_on="asked", right_on="done", by="restaurant"
    )["guess"]
    by_hour = hour.map(requests["minutes"][day.between(2, 9)].groupby(hour).mean())
    guesses = {"restaurant's mean so far": so_far, "mean of the hour": by_hour}
    errors = {name: float((guess - requests["minutes"])[late].abs().mean()) for name, guess in guesses.items()}
    return {name: (error, error) for name, error in errors.items()}


def rows_by_restaurant(
    history: Mapping[str, pd.DataFrame],
) -> dict[tuple[str, Any], list[tuple[int, int, float]]]:
    """Plain rows ``(event_time, known_time, value)`` by feature and restaurant."""
    return {
        (name, restaurant): list(some[COLUMNS[1:]].itertuples(index=False, name=None))
        for name, table in history.items()
        for restaurant, some in table.groupby("restaurant")
    }


def copy_into(database: Connection, history: Mapping[str, pd.DataFrame], requests: pd.DataFrame) -> None:
    """Make the tables ``history`` and ``asked`` in the connection's schema, and fill them."""
    database.execute(
        "CREATE TABLE history (feature text, restaurant int, event_time bigint, known_time bigint, value float8)"
    )
    database.execute("CREATE TABLE asked (id int PRIMARY KEY, restaurant int, asked bigint)")
    with database.cursor().copy("COPY history FROM STDIN") as copy:
        for name, table in history.items():
            for row in table[COLUMNS].itertuples(index=False, name=None):
                copy.write_row((name, *row))
    with database.cursor().copy("COPY asked FROM STDIN") as copy:
        for question in requests[["restaurant", "asked"]].itertuples(name=None):
            copy.write_row(question)


# chance


def interval(differences: np.ndarray) -> str:
    """The mean of paired differences, in minutes, with its 95 % interval (Student's t)."""
    low, high = student(differences)
    return f"{differences.mean():.1f} minutes (95 % interval {low:.1f} to {high:.1f})"


def indices(
    windows: int, reference: tuple[int, np.ndarray], window: tuple[int, np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Population stability indices of drawn windows, each against a drawn reference of its own; shape (windows,).

    Args:
        reference, window: number of independent values, and the shares of the bins that they are drawn from.
    """
    size, shares = reference
    expected = (rng.multinomial(size, shares, windows) + 0.5) / (size + len(shares) / 2)
    return np.array([psi(e, w) for e, w in zip(expected, rng.multinomial(*window, windows), strict=True)])


def alarms(reference: np.ndarray, values: np.ndarray, edges: np.ndarray, window: int, limit: float) -> float:
    """Share of the whole windows of neighbouring values whose index is above the limit."""
    expected = (shares_of(reference, edges) * len(reference) + 0.5) / (len(reference) + (len(edges) + 1) / 2)
    whole = values[: len(values) // window * window].reshape(-1, window)
    return float(np.mean([psi(expected, window * shares_of(some, edges)) > limit for some in whole]))


def hardware() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def clock(seconds: float) -> str:
    """The time of day: ``19:42``."""
    return f"{int(seconds % DAY // HOUR):02}:{int(seconds % HOUR // 60):02}"


# pictures


def two_clocks(axes: Axes, history: pd.DataFrame, asked: int, answers: Mapping[str, float]) -> None:
    """One restaurant's feature as it was known at once and as it was corrected, around one request.

    Args:
        history: of one restaurant and some hours.
        asked: when the customer asked, seconds.
        answers: value by the name of the join that gives it; drawn at ``asked``.
    """
    by_event = history.sort_values(["event_time", "known_time"]).groupby("event_time")
    first, last = by_event.first(), by_event.last()
    day = asked // DAY * DAY
    prompt = first[first["known_time"] - first.index < 60]
    hours = (last.index - day) / HOUR
    axes.plot(hours, last["value"], color=draw.BLUE, drawstyle="steps-post", label="as corrected later")
    axes.plot((prompt.index - day) / HOUR, prompt["value"], ".", color=draw.ORANGE, label="as known within a minute")
    axes.axvline((asked - day) / HOUR, color=draw.BLACK, linestyle=":", linewidth=1)
    marks = zip(answers.items(), ("v", "s", "o"), (draw.PINK, draw.BLUE, draw.RED), strict=True)
    for (name, value), mark, colour in marks:
        label = f"{name}: {value:.0f}"
        axes.plot((asked - day) / HOUR, value, mark, color=colour, markersize=10, label=label, zorder=3)
    axes.set(xlabel="hour of the day at which it happened", ylabel="orders in the last 30 minutes", ylim=(0, None))
    axes.legend(fontsize=8, ncols=2)


def promised_and_delivered(axes: Axes, errors: Mapping[str, np.ndarray], baseline: np.ndarray, name: str) -> None:
    """Paired bars of each join's error, with a line for each city.

    Args:
        errors: by the join's name, shape (cities, 2): promised and delivered, minutes.
        baseline: error of the model without the store, shape (cities,).
    """
    for place, values in enumerate(errors.values()):
        for side, colour, label in ((0, draw.SKY, "promised"), (1, draw.ORANGE, "delivered")):
            at = place + (side - 0.5) * 0.4
            axes.bar(at, values[:, side].mean(), width=0.38, color=colour, label=label if place == 0 else None)
        for pair in values:
            axes.plot([place - 0.2, place + 0.2], pair, ".-", color=draw.BLACK, linewidth=0.6, markersize=3, alpha=0.6)
    axes.axhline(baseline.mean(), color=draw.RED, linestyle="--", linewidth=1, label=name)
    axes.set_xticks(range(len(errors)), list(errors))
    axes.set(ylabel="mean absolute error, minutes", ylim=(0, None))
    axes.legend(loc="lower left", fontsize=8)


def false_alarms(axes: Axes, sizes: Sequence[int], rates: Mapping[str, np.ndarray], asked: float) -> None:
    """Share of quiet windows with an alarm by the window's size, a line for each threshold, and the rate that was asked for."""
    for (name, shares), mark, colour in zip(rates.items(), "os^", (draw.BLUE, draw.ORANGE, draw.RED), strict=True):
        axes.plot(sizes, np.maximum(shares, 1e-4), mark + "-", color=colour, label=f"line at {name}")
    axes.axhline(asked, color=draw.BLACK, linestyle="--", linewidth=1, label="asked for")
    axes.set(xscale="log", yscale="log", ylim=(5e-5, 1))
    axes.set_xticks(list(sizes), [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set(xlabel="values in a window", ylabel="share of quiet windows\nwith an alarm (none: 0.0001)")
    axes.legend(fontsize=8)
