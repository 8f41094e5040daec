"""Runs of ``case_voice_assistants`` that take a loop: users with more and more utterances, devices with one setting each.

A *head* is an array (features, words) whose product with features gives a score for each word; the notebook makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from companion.errors import SettingError

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


def percent(share: float) -> str:
    """A share in %, to a tenth. A tie is rounded up, whatever the last bit of a mean is on this machine."""
    return f"{100 * share + 1e-9:.1f} %"


def worst_tenth(errors: np.ndarray) -> np.ndarray:
    """The mean over the tenth of the users who fare worst, shape (users, ...) to (...)."""
    count = max(1, round(len(errors) / 10))
    return np.sort(errors, axis=0)[-count:].mean(axis=0)


def half_interval(values: np.ndarray) -> np.ndarray:
    """Half of the 95 % interval of a mean over the first axis."""
    return 1.96 * values.std(axis=0, ddof=1) / np.sqrt(len(values))


def gains(choices: dict[str, np.ndarray], nothing: np.ndarray) -> pd.DataFrame:
    """What each choice gains over doing nothing, in % of the words, with half of the interval, paired over users, (users,) each."""
    rows = {}
    for name, errors in choices.items():
        gain = nothing - errors
        rows[name] = {"misheard in %": errors.mean(), "gain": gain.mean(), "+-": half_interval(gain)}
    return (100 * pd.DataFrame(rows).T + 1e-9).round(1) + 0.0


def by_count(methods: dict[str, np.ndarray], counts: Sequence[int]) -> pd.DataFrame:
    """Words misheard in %, a column a count, for everybody and for the worst-served tenth; errors are (users, counts)."""
    rows = {}
    for name, errors in methods.items():
        rows[name, "everybody"], rows[name, "worst tenth"] = errors.mean(axis=0), worst_tenth(errors)
    return (100 * pd.DataFrame(rows, index=list(counts)).T + 1e-9).round(1)


def behind(methods: dict[str, np.ndarray], counts: Sequence[int]) -> pd.DataFrame:
    """At each count the best of all methods but the first, and by how much of the words in % it is behind the first, with its interval."""
    (_, first), *others = methods.items()
    rows = {}
    for place, count in enumerate(counts):
        name, errors = min(others, key=lambda other: other[1][:, place].mean())
        gap = 100 * (errors - first)[:, place]
        mean, half = (float(value) for value in (gap.mean() + 1e-9, half_interval(gap)))
        rows[count] = {"best rival": name, "behind": round(mean, 1) + 0.0, "+-": round(half, 1)}
    return pd.DataFrame(rows).T


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


@dataclass(frozen=True)
class Law:
    """An error that falls with the number k of utterances, sqrt(sigma^2 k^(-2 exponent) + floor^2).

    ``interval``: the exponent's 95 % interval, over speakers.
    """

    sigma: float
    exponent: float
    floor: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        low, high = self.interval
        return f"exponent {low:.2f} to {high:.2f}, sigma {self.sigma:.3f}, floor {self.floor:.3f}"

    def error(self, k: np.ndarray) -> np.ndarray:
        return np.sqrt(self.sigma**2 * np.asarray(k, float) ** (-2 * self.exponent) + self.floor**2)


def fit_law(counts: np.ndarray, squares: np.ndarray, again: int = 200) -> Law:
    """Fit the law to squared errors, least squares of the logarithms of the mean error.

    Args:
        counts: numbers of utterances, (counts,).
        squares: squared errors of each speaker, (speakers, counts).
        again: how often speakers are drawn anew for the interval (bootstrap).

    Raises:
        SettingError: fewer than four counts: three parameters would fit anything.
    """
    if len(counts) < 4:
        raise SettingError(f"a law of three parameters needs at least four counts, got {len(counts)}")
    rng = np.random.default_rng(2)
    drawn = [_fit(counts, squares[rng.integers(0, len(squares), len(squares))])[1] for _ in range(again)]
    log_sigma, exponent, log_floor = _fit(counts, squares)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Law(float(np.exp(log_sigma)), float(exponent), float(np.exp(log_floor)), (float(low), float(high)))


def _fit(counts: np.ndarray, squares: np.ndarray) -> np.ndarray:
    log_k, log_error = np.log(counts), 0.5 * np.log(squares.mean(axis=0))

    def off(law: np.ndarray) -> np.ndarray:
        return 0.5 * np.logaddexp(2 * (law[0] - law[1] * log_k), 2 * law[2]) - log_error

    # a floor below a millionth is none
    return least_squares(off, (log_error[0], 0.5, log_error[-1] - 1), bounds=((-15, 0, -15), (5, 5, 5))).x
