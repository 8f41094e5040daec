"""Runs of ``case_voice_assistants`` that take a loop: users with more and more utterances, devices with one setting each.

A *head* is an array (features, words) whose product with features gives a score for each word; the notebook makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

#: from a user's number and the numbers of the utterances to learn from, the words that the test utterances are taken for
Method = Callable[[int, np.ndarray], np.ndarray]
Choice = Callable[[np.ndarray], float]


def curve(method: Method, counts: Sequence[int], spoken: np.ndarray, *, pool: int = 50, draws: int = 3) -> np.ndarray:
    """The share of words that are misheard after a user's first k utterances.

    Args:
        spoken: the words of the test utterances, shape (users, tests).
        pool: how many utterances of each user there are to learn from, 0 to pool - 1.
        draws: the pool is begun at so many places, nine utterances apart.

    Returns:
        shape (draws, users, counts).
    """
    found = np.empty((draws, len(spoken), len(counts)))
    for draw, user, place in np.ndindex(found.shape):
        own = np.roll(np.arange(pool), -9 * draw)[: counts[place]]
        found[draw, user, place] = (method(user, own) != spoken[user]).mean()
    return found


def worst_tenth(errors: np.ndarray) -> np.ndarray:
    """The mean over the tenth of the users who fare worst, shape (users, ...) to (...)."""
    count = max(1, round(len(errors) / 10))
    return np.sort(errors, axis=0)[-count:].mean(axis=0)


def half_interval(values: np.ndarray) -> np.ndarray:
    """Half of the 95 % interval of a mean over the first axis."""
    return 1.96 * values.std(axis=0, ddof=1) / np.sqrt(len(values))


def one_float_each(reports: np.ndarray, choose: Choice, rounds: int, seed: int = 0) -> np.ndarray:
    """Which setting wins when each device tries a single one, drawn by the server, and sends a single float.

    Args:
        reports: what each device would send for each setting, shape (devices, settings); larger is better.
        choose: from the floats of one setting to the setting's score: a mean, a median.
        rounds: how often the server draws anew who tries what.

    Returns:
        Number of the winner in each round, shape (rounds,).
    """
    devices, settings = reports.shape
    won = np.empty(rounds, int)
    for number in range(rounds):
        tried = np.random.default_rng([seed, number]).permutation(devices) % settings
        won[number] = np.argmax([choose(reports[tried == setting, setting]) for setting in range(settings)])
    return won


def won(names: Sequence[object], winners: dict[str, np.ndarray]) -> pd.DataFrame:
    """How often each setting won, a row a way to choose."""
    counts = {way: np.bincount(numbers, minlength=len(names)) for way, numbers in winners.items()}
    return pd.DataFrame(counts, index=[str(name) for name in names]).T
