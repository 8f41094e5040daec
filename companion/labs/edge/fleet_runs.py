"""What ``case_tesla`` does again and again: fleets with their features, a stock to begin with, draws of uploads, a van, a purchase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from companion.errors import SettingError
from companion.labs.edge import fleet, shadow
from companion.measure.timing import repeat

if TYPE_CHECKING:
    import pandas as pd

DAYS = 5
#: what happened on a day: the frames and their features
Day = tuple[fleet.Drive, np.ndarray]
#: the heads of every day, the first and the last included, and the rows uploaded on each
Run = tuple[list[shadow.Head], list[np.ndarray]]
#: hit (tyres,), weight (tyres,), sent (draws, tyres) to estimate and half of its interval, (draws,) each
Estimator = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Watched(NamedTuple):
    """A fleet's ``week`` with the features of its frames, the same by ``days``, and with one frame of each scene only (``once``)."""

    week: fleet.Drive
    features: np.ndarray
    days: list[Day]
    once: fleet.Drive
    once_features: np.ndarray


def watch(seed: int) -> Watched:
    """A fleet of fifty vehicles over five days of twenty scenes each; day by day, and in a day vehicle by vehicle."""
    week = fleet.drive(seed)
    day = week.scene % 100 * DAYS // 100
    week = week.at(np.argsort(day, kind="stable"))
    features, first = shadow.embed(week.frames), fleet.one_a_scene(week)
    ends = np.append(0, np.cumsum(np.bincount(day)))
    days = [slice(*bounds) for bounds in pairwise(ends)]
    return Watched(week, features, [(week.at(d), features[d]) for d in days], week.at(first), features[first])


def stock(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels to begin with: a frame of each of 400 scenes, eight a vehicle, and two tyres. No fleet's week is in it."""
    early, reported = fleet.drive(500 + seed, scenes=8), fleet.exam(500 + seed, each=2)
    first, tyres = fleet.one_a_scene(early), reported.label == fleet.TYRE
    features = np.concatenate([shadow.embed(early.frames[first]), shadow.embed(reported.frames[tyres])])
    return features, np.concatenate([early.label[first], reported.label[tyres]])


def uploaded(watched: Watched, run: Run, kind: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each day: how many frames of a class were uploaded, and how many of them the head in the cars had recognised."""
    sent, known = np.zeros(DAYS, int), np.zeros(DAYS, int)
    heads, uploads = run
    for d, (day, features) in enumerate(watched.days):
        rows = uploads[d][day.label[uploads[d]] == kind]
        sent[d], known[d] = len(rows), np.sum(heads[d].decide(features[rows]) == kind)
    return sent, known


def draws(
    hit: np.ndarray, chance: np.ndarray, estimator: Estimator, *, weigh: np.ndarray | None = None, seed: int = 0
) -> pd.DataFrame:
    """Two hundred times: which tyres are sent, each with its own probability, and what an estimator makes of them.

    Args:
        hit: whether each tyre is recognised, shape (tyres,); its mean is the truth.
        chance: the probability of each to be sent, shape (tyres,).
        weigh: the probabilities that the estimator is told, where they are others than ``chance``.

    Returns:
        a row a draw: ``estimate``, ``half``, ``truth``, ``plain`` (recall on what was sent), ``mean weight`` (of all tyres).
    """
    import pandas as pd

    sent = np.random.default_rng([2, seed]).random((200, len(hit))) < chance
    weight = 1 / np.maximum(chance if weigh is None else weigh, 1e-9)
    estimate, half = estimator(hit, weight, sent)
    plain = (sent & hit).sum(axis=1) / np.maximum(sent.sum(axis=1), 1)
    row = {"estimate": estimate, "half": half, "truth": hit.mean(), "plain": plain}
    return pd.DataFrame(row | {"mean weight": (sent * weight).mean(axis=1)})


def with_van(watched: Watched, seed: int) -> list[Day]:
    """The days of a fleet, and in each of them two hundred scenes of a van behind a dirty lens, as vehicle 50."""
    van = fleet.drive(1000 + seed, vehicles=1, scenes=200 * DAYS)
    features = shadow.embed(fleet.dirty(van.frames, seed))
    day = van.scene // 200
    van = van._replace(scene=van.scene + len(watched.once.label), vehicle=van.vehicle + 50)
    joined = []
    for d, (of_fleet, its_features) in enumerate(watched.days):
        both = (np.concatenate(pair) for pair in zip(of_fleet, van.at(day == d), strict=True))
        joined.append((fleet.Drive(*both), np.concatenate([its_features, features[day == d]])))
    return joined


def bought_by_day(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of some two thousand scenes of another fleet, none of them at night."""
    other = fleet.drive(800 + seed, scenes=60)
    rows = fleet.one_a_scene(other)
    rows = rows[~other.night[rows]]
    return shadow.embed(other.frames[rows]), other.label[rows]


def milliseconds(work: Callable[[], object], calls: int = 2000) -> float:
    """The median of many calls, in ms.

    Raises:
        SettingError: no call.
    """
    if calls < 1:
        raise SettingError(f"a median needs at least one call, got {calls}")
    return 1000 * repeat(work, calls, warm_up=0).median


def pooled(parts: Sequence[Watched]) -> Day:
    """One frame of each scene of several fleets, and its features."""
    columns = zip(*(watched.once for watched in parts), strict=True)
    return fleet.Drive(*map(np.concatenate, columns)), np.concatenate([watched.once_features for watched in parts])
