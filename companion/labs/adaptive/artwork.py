"""A title with several pictures and members whose taste is planted: what a policy is worth is a finite sum, and logs are drawn from it.

A *kind* of member is one of sixteen combinations of four tastes, a *policy* an array of shape (kinds, pictures) whose rows add up to
one: the probability of each picture for each kind. Nothing here estimates anything; that is the notebook's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from companion.errors import SettingError

TASTES = ("comedy", "romance", "thriller", "documentary")
#: (16, 5): a one, and whether a member of this kind watches each of the four
FEATURES = np.array([[1, *(kind >> bit & 1 for bit in range(4))] for kind in range(16)])
KINDS = len(FEATURES)


@dataclass(frozen=True)
class Title:
    """``shares`` (kinds,): how common each kind of member is; ``click`` (kinds, pictures): the planted probability of a click."""

    shares: np.ndarray
    click: np.ndarray

    @property
    def pictures(self) -> int:
        return self.click.shape[1]

    def value(self, policy: np.ndarray) -> float:
        """The exact clicks a member of a policy, an array (kinds, pictures)."""
        return float(self.shares @ (policy * self.click).sum(axis=1))


class Log(NamedTuple):
    """What was logged, each array of shape (..., members): kind of member, picture shown, click, probability of *that* picture."""

    kind: np.ndarray
    picture: np.ndarray
    click: np.ndarray
    propensity: np.ndarray


def title(seed: int, pictures: int = 10) -> Title:
    """A title from a seed, the same in every bit everywhere: probabilities are rounded to 0.0001, shares to 0.001.

    How often somebody clicks depends on the picture, on the tastes, and on how well picture and tastes fit: a logistic function,
    kept between 1 and 15 %.

    Raises:
        SettingError: fewer than two pictures.
    """
    if pictures < 2:
        raise SettingError(f"a choice needs at least two pictures, got {pictures}")
    rng = np.random.default_rng(seed)
    shares = (rng.multinomial(1000 - KINDS, rng.dirichlet(np.full(KINDS, 3.0))) + 1) / 1000
    appeal, activity = rng.normal(0, 0.25, pictures), rng.normal(0, 0.3, 4)
    fit = rng.normal(0, 0.8, (4, pictures))
    tastes = FEATURES[:, 1:] - 0.5
    logit = -3.1 + appeal + (tastes @ activity)[:, None] + tastes @ fit
    return Title(shares, np.clip(1 / (1 + np.exp(-logit)), 0.01, 0.15).round(4))


def always(chosen: np.ndarray, pictures: int) -> np.ndarray:
    """The policy that shows each kind the one picture ``chosen[kind]``."""
    return np.eye(pictures)[np.broadcast_to(chosen, KINDS)]


def only_for(someone: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """The policy that changes from ``old`` to ``new`` for the kinds in a mask (kinds,) only."""
    return np.where(someone[:, None], new, old)


def explore(policy: np.ndarray, epsilon: float) -> np.ndarray:
    """The policy that follows another one, but with probability ``epsilon`` takes any picture, each as likely.

    Raises:
        SettingError: no probability.
    """
    if not 0 <= epsilon <= 1:
        raise SettingError(f"epsilon is a probability, got {epsilon}")
    return (1 - epsilon) * policy + epsilon / policy.shape[1]


def draw_log(title: Title, policy: np.ndarray, members: int, *, logs: int | None = None, seed: int = 0) -> Log:
    """Members who come, are shown a picture by ``policy``, and click or don't; arrays of shape (logs, members), or (members,).

    Raises:
        SettingError: the policy has another shape than the title, or a row that does not add up to one.
    """
    if policy.shape != title.click.shape or not np.allclose(policy.sum(axis=1), 1) or (policy < 0).any():
        raise SettingError(
            f"a policy has shape {title.click.shape} and rows of probabilities that add up to 1, got {policy.shape}"
        )
    rng = np.random.default_rng(seed)
    shape = members if logs is None else (logs, members)
    joint = np.cumsum((title.shares[:, None] * policy).ravel())
    # kind and picture in one draw; a cell of probability 0 has no width and is never hit
    cell = np.searchsorted(joint, rng.random(shape) * joint[-1], side="right")
    click = rng.random(shape) < title.click.ravel()[cell]
    kind, picture = np.divmod(cell, title.pictures)
    return Log(kind.astype(np.uint8), picture.astype(np.uint8), click, policy.ravel()[cell])


def training_rows(log: Log, pictures: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A log with one row for each kind, picture and outcome instead of one for each member, for a model that takes weights.

    Returns:
        ``X`` (2 x kinds x pictures, 5 x pictures), a column for each feature with each picture; ``y``, all clicks (kind by kind) and
        then all misses; and how many members each row stands for.
    """
    shown, clicks = (table.ravel() for table in counts(log, pictures))
    X = np.kron(FEATURES, np.eye(pictures))
    return np.tile(X, (2, 1)), np.repeat([1, 0], len(X)), np.append(clicks, shown - clicks)


def counts(log: Log, pictures: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each picture was shown to each kind, and clicked; two arrays (kinds, pictures)."""
    cell = log.kind.astype(int) * pictures + log.picture
    shown, clicks = (np.bincount(cell, weights, KINDS * pictures) for weights in (None, log.click))
    return shown.reshape(KINDS, pictures).astype(float), clicks.reshape(KINDS, pictures)
