"""Runs of ``case_netflix`` that take a loop: learners live, beside river's, a production that learns every evening, clicks a day late.

A *learner* has ``choose(kind)`` and ``learn(runs, kind, picture, click)``, many runs side by side; the notebook writes them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from companion.labs.adaptive import artwork


class AtRandom:
    """Any picture, each as likely, and nothing is learned."""

    def __init__(self, runs: int, rng: np.random.Generator, pictures: int = 10):
        self.choose = lambda kind: rng.integers(0, pictures, runs)
        self.learn = lambda *seen: None


def play(
    titles: Sequence[artwork.Title], learner: Any, members: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A learner live, a run on each title: expected clicks of what was shown and of the best picture, each (members, titles)."""
    shares, click = np.array([t.shares.cumsum() for t in titles]), np.array([t.click for t in titles])
    runs, got, could = np.arange(len(titles)), np.empty((members, len(titles))), np.empty((members, len(titles)))
    for i in range(members):
        luck, chance = rng.random((2, len(titles)))
        kind = (luck[:, None] * shares[:, -1:] >= shares).sum(axis=1)
        picture = learner.choose(kind)
        got[i], could[i] = click[runs, kind, picture], click[runs, kind].max(axis=1)
        learner.learn(runs, kind, picture, chance < got[i])
    return got, could


def five_days(title: artwork.Title, seed: int) -> tuple[artwork.Log, np.ndarray]:
    """The log of a production that learns every evening, 2,000 members a day, and the policy that it ended with.

    It begins with random pictures; each evening the picture with the highest click rate so far becomes the favourite of its kind, and
    a fifth of the members sees any picture. The propensities are those of the moment.
    """
    policy, days = np.full(title.click.shape, 1 / title.pictures), []
    for day in range(5):
        days.append(artwork.draw_log(title, policy, 2_000, seed=1_000 * day + seed))
        log = artwork.Log(*map(np.concatenate, zip(*days, strict=True)))
        shown, clicks = artwork.counts(log, title.pictures)
        policy = artwork.explore(artwork.always(((clicks + 1) / (shown + 20)).argmax(axis=1), title.pictures), 0.2)
    return log, policy


#: from the hour and all that was shown and clicked, (hours, runs, pictures), what is learned in it: clicks and misses, (runs, pictures)
Reading = Callable[[int, np.ndarray, np.ndarray], tuple[Any, Any]]


def new_picture(
    rates: np.ndarray, read: Reading, days: int = 6, epsilon: float = 0.05, runs: int = 40, seed: int = 15
) -> np.ndarray:
    """The last picture's share of the impressions, (hours, runs), in a bandit that learns as ``read`` says.

    Thompson sampling without context, a hundred members an hour, of whom ``epsilon`` see any picture. The others of ``rates`` (clicks
    a member) have been shown 20,000 times each before the last one comes.
    """
    rng, history = np.random.default_rng(seed), np.append(np.full(len(rates) - 1, 20_000.0), 0.0)
    yes, no = np.tile(1 + history * rates, (runs, 1)), np.tile(19 + history * (1 - rates), (runs, 1))
    shown = np.zeros((24 * days, runs, len(rates)), int)
    clicked = np.zeros_like(shown)
    for hour in range(24 * days):
        drawn = rng.beta(yes[:, None], no[:, None], (runs, 100, len(rates))).argmax(axis=-1)
        explored = rng.random((runs, 100)) < epsilon
        picture = np.where(explored, rng.integers(0, len(rates), (runs, 100)), drawn)
        shown[hour] = (picture[..., None] == np.arange(len(rates))).sum(axis=1)
        clicked[hour] = rng.binomial(shown[hour], rates)
        clicks, misses = read(hour, shown, clicked)
        yes, no = yes + clicks, no + misses
    return shown[..., -1] / 100


class RiverDice:
    """Draws for one run as ``river.bandit.ThompsonSampling(seed=seed)`` makes them: a generator of its own for each picture."""

    def __init__(self, seed: int, pictures: int):
        first = random.Random(seed)  # noqa: S311  (river's own kind of dice)
        self._dice = [random.Random(first.randint(0, 2**32)) for _ in range(pictures)]  # noqa: S311

    def beta(self, yes: np.ndarray, no: np.ndarray) -> np.ndarray:
        """A Beta draw for each picture; all arrays have shape (1, pictures)."""
        return np.array([[die.betavariate(*ab) for die, *ab in zip(self._dice, yes[0], no[0], strict=True)]])


def river_stream(theirs: Any, ours: Any, title: artwork.Title, members: int, seed: int) -> int:
    """How many decisions of a river policy are also ours, on one stream from which both learn the same clicks.

    Args:
        theirs: a policy of ``river.bandit``, with or without context.
        ours: one run with ``choose``, ``learn``, and ``bound`` (1, kinds, pictures) where it has one; within 1e-9 of the largest
            bound a picture is tied, and river, which breaks ties by lot, may take any of the tied.
    """
    rng, pictures = np.random.default_rng(seed), list(range(title.pictures))
    from river.bandit.base import ContextualPolicy

    contextual, same = isinstance(theirs, ContextualPolicy), 0
    for kind in rng.choice(artwork.KINDS, members, p=title.shares):
        context = (
            ({"one": 1, **dict(zip(artwork.TASTES, map(int, artwork.FEATURES[kind, 1:]), strict=True))},)
            if contextual
            else ()
        )
        picture = theirs.pull(pictures, *context)
        if hasattr(ours, "bound"):
            same += ours.bound[0, kind, picture] > ours.bound[0, kind].max() - 1e-9
        else:
            same += picture == ours.choose(np.array([kind]))[0]
        click = rng.random() < title.click[kind, picture]
        theirs.update(picture, *context, int(click))
        ours.learn(np.array([0]), np.array([kind]), np.array([picture]), np.array([click]))
    return int(same)
