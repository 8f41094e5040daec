"""Orders at the restaurants of one city, as a delivery service sees them: each event with the second at which it happened and
the second at which it became known.

The planted truth is a kitchen's real load. A tablet in the kitchen reports what is ordered at the till, and it goes offline
mostly when the kitchen is overwhelmed; what it did not report arrives hours later, the oldest first. So a value that was corrected afterwards is
plausible and tells much about the delivery, but it was not there when the customer asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from companion.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

HOUR, DAY = 3600, 86_400  #: seconds
OPENS, CLOSES = 11 * HOUR, 23 * HOUR
TILL_SHARE = 0.65  #: of a kitchen's tickets; the others come from the app, whose events need no tablet
RUSH_CHANCE = 0.4  #: for each restaurant and day
OFFLINE_IN_RUSH, OFFLINE_AT_REST = 0.85, 0.04  #: chance that the tablet goes offline, for each restaurant and day
UPLOAD = 10  #: tickets a minute that a tablet sends when it is back
_LOAD_WINDOW = 30 * 60  # seconds of tickets that make a kitchen's load


@dataclass(frozen=True)
class Orders:
    """Some days of one city. Times are whole seconds since the first midnight.

    Attributes:
        events: in the order in which they became known: ``source`` ("ticket", a kitchen gets something to cook, or
            "delivery"), ``restaurant``, ``event_time``, ``known_time`` (when the feature store could know it; never before the
            event), ``amount`` (1 for a ticket, the delivery's seconds for a delivery). All whole numbers.
        requests: customers who ask the app how long it will take, in order: ``restaurant``, ``asked`` (seconds),
            ``distance_km``, ``minutes`` (the truth, known only after the delivery).
        offline: the planted outages of tablets: ``restaurant``, ``begin``, ``end`` (seconds), ``overwhelmed``.
    """

    events: pd.DataFrame
    requests: pd.DataFrame
    offline: pd.DataFrame


def simulate(restaurants: int = 16, days: int = 14, seed: int = 0) -> Orders:
    """Draw a city.

    Raises:
        SettingError: fewer than one restaurant or one day.
    """
    import pandas as pd

    for name, value in {"restaurants": restaurants, "days": days}.items():
        if value < 1:
            raise SettingError(f"{name} must be at least 1, got {value}")
    rng = np.random.default_rng([20170905, seed])
    kitchens = [_kitchen(rng, number, days) for number in range(restaurants)]
    events, requests, offline = (pd.concat(parts, ignore_index=True) for parts in zip(*kitchens, strict=True))
    order = ["known_time", "event_time", "restaurant", "source"]
    events = events.sort_values(order, kind="stable", ignore_index=True)
    requests = requests.sort_values(["asked", "restaurant"], kind="stable", ignore_index=True)
    return Orders(events, requests, offline)


def _kitchen(rng: np.random.Generator, number: int, days: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Events, requests and outages of one restaurant."""
    import pandas as pd

    pace, slowness = rng.uniform(0.7, 1.4), rng.uniform(0.8, 1.25)
    tickets, gaps = [], []
    for day in range(days):
        begin, length, heat = _rush(rng, day)
        tickets.append(_arrivals(rng, day, pace, begin, length, heat))
        if gap := _gap(rng, day, begin, length, heat):
            gaps.append((number, *gap, heat > 1))
    happened = np.concatenate(tickets)
    from_till = rng.random(len(happened)) < TILL_SHARE
    known = happened + rng.integers(3, 20, len(happened))
    for _, begin, end, _ in gaps:
        silent = from_till & (happened >= begin) & (happened < end)
        backlog = end + 60 * (np.arange(silent.sum()) // UPLOAD)  # the oldest first, once the tablet is back
        known[silent] = np.maximum(backlog, known[silent])

    ours = happened[~from_till]
    asked = ours - rng.integers(20, 90, len(ours))  # the customer asks first, then pays
    load = np.searchsorted(happened, asked, "right") - np.searchsorted(happened, asked - _LOAD_WINDOW, "right")
    distance = np.round(rng.gamma(4, 0.6, len(ours)).clip(0.3, 8), 1)
    cooking = slowness * (9 + 0.06 * (load / pace) ** 2)
    noise = rng.lognormal(0, 0.12, len(ours))
    seconds = np.round(60 * (cooking + 4 + 3.2 * distance) * noise).astype(int)
    done = asked + seconds
    events = [
        _table("ticket", number, happened, known, np.ones(len(happened), int)),
        _table("delivery", number, done, done + rng.integers(5, 60, len(done)), seconds),
    ]
    requests = {"restaurant": number, "asked": asked, "distance_km": distance, "minutes": seconds / 60}
    offline = pd.DataFrame(gaps, columns=["restaurant", "begin", "end", "overwhelmed"])
    return pd.concat(events, ignore_index=True), pd.DataFrame(requests), offline


def _rush(rng: np.random.Generator, day: int) -> tuple[int, int, float]:
    """When a day's rush begins, its seconds, and by how much it multiplies the tickets (1: there is none)."""
    at, length = rng.choice([12 * HOUR, 18 * HOUR + 1800]), int(rng.integers(HOUR, 5 * HOUR // 2))
    heat = rng.uniform(2.0, 3.2) if rng.random() < RUSH_CHANCE else 1.0
    return day * DAY + int(at) + int(rng.integers(-1800, 1800)), length, heat


def _arrivals(rng: np.random.Generator, day: int, pace: float, begin: int, length: int, heat: float) -> np.ndarray:
    """Seconds of a day's tickets, ascending: a daily wave with two meals, thinned from its highest rate."""
    highest = pace * 13 * 3.2 / HOUR
    drawn = np.sort(rng.integers(day * DAY + OPENS, day * DAY + CLOSES, rng.poisson(highest * (CLOSES - OPENS))))
    hour = (drawn % DAY) / HOUR
    wave = 4 + 9 * np.maximum(np.abs(hour - 12.75) < 1.25, np.abs(hour - 19.25) < 1.75)
    rate = pace * wave / HOUR * np.where((drawn >= begin) & (drawn < begin + length), heat, 1.0)
    return drawn[rng.random(len(drawn)) < rate / highest]


def _gap(rng: np.random.Generator, day: int, begin: int, length: int, heat: float) -> tuple[int, int] | None:
    """Between which seconds a day's tablet is offline: in a rush from its first minutes to hours after it, seldom else."""
    if rng.random() >= (OFFLINE_IN_RUSH if heat > 1 else OFFLINE_AT_REST):
        return None
    start = begin + int(rng.integers(5 * 60, 25 * 60))
    return start, begin + length + int(rng.integers(HOUR // 2, 3 * HOUR))


def _table(source: str, restaurant: int, happened: np.ndarray, known: np.ndarray, amount: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    columns = {"event_time": happened, "known_time": known, "amount": amount}
    return pd.DataFrame({"source": source, "restaurant": restaurant, **columns})
