"""Five banks that have met different kinds of fraud: their payments, the frauds planted in them, and the tables a model is trained on.

Everyday payments are those of ``companion.datasets.fraud``. The frauds are planted here, so that it is known who has met what:
in the payments that a bank trains on are the kinds it has met, and in those that it is tested on all four.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from companion.datasets import fraud
from companion.errors import SettingError

if TYPE_CHECKING:
    import pandas as pd

BANKS = ("Alder", "Birch", "Cedar", "Dogwood", "Elm")
#: each bank's share of the payments
SIZES = (0.30, 0.25, 0.20, 0.15, 0.10)
KINDS = ("skimming", "testing", "takeover", "scam")
#: which bank (row) has met which kind (column): three banks the first, two the second, two the third, one the last
MET = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0], [0, 0, 1, 0]], bool)
#: frauds per payment: of a kind that a bank has met, in its training; of each kind, in its test
RATE_MET, RATE_TEST = 0.002, 0.001
#: of the genuine payments that are for training, one in so many is kept; frauds are all kept
KEEP_ONE_IN = 10
#: signals of ``fraud.FEATURES``: middles and spreads that the banks have agreed on beforehand, so that no bank's own has to travel
CENTRE = np.array([0.3, 0.3, 0.2, 0.0, 1.5, 0.1, 0.3, 0.5, 0.1, 0.0, 0.3, 0.1, 0.3, 0.1, 0.1, 0.1, 0.0])
SPREAD = np.array([0.5, 0.4, 0.3, 0.2, 1.1, 0.3, 0.4, 0.5, 0.4, 0.2, 0.5, 0.3, 0.4, 0.3, 0.3, 0.3, 0.1])
SIGNALS = fraud.FEATURES

#: what a fraud of each kind looks like, in the order of KINDS: logarithm of its sum over the card's usual one; hours between
#: two on the same card; how many a stolen card has on average
_FACTOR, _GAP, _BURST = (0.9, -2.2, 1.1, 2.8), (3.0, 0.1, 1.0, 30.0), (2, 5, 4, 1.25)
_RING = 8
_NIGHT, _AFTERNOON = 3.0, 14.0


class Table(NamedTuple):
    """Payments as a model sees them: signals (payments, 18), the first of them 1; kind (payments,): 0 genuine, else 1 + its index in KINDS."""

    x: np.ndarray
    kind: np.ndarray


def payments(
    count: int = 100_000, seed: int = 0, met: np.ndarray = MET, sizes: Sequence[float] = SIZES
) -> pd.DataFrame:
    """The payments of all banks in the order in which they happen, over 120 days.

    A card belongs to one bank, and is either for training or for the test. So is a *ring*: about eight frauds of one kind at one
    bank, all to the same merchant, which nobody else uses. *Skimming*: a copied card, paid with hundreds of km from home.
    *Testing*: tiny online payments within minutes, at night. *Takeover*: gift cards online, several within hours. *Scam*: the
    customer herself is talked into one very large payment online.

    Args:
        count: of everyday payments, about.
        met: which bank (row) has met which kind (column) in its training, shape (banks, 4).
        sizes: each bank's share of the payments.

    Returns:
        A row a payment: ``time`` (hours), ``card``, ``merchant``, ``category``, ``amount`` (euros), ``distance`` (km),
        ``online``, as in ``fraud.stream``; ``bank`` (index), ``test`` (False: for training), ``kind`` (planted; 0 is genuine, else
        1 + index in KINDS), ``ring`` (planted; -1 is genuine).

    Raises:
        SettingError: ``met`` and ``sizes`` are not of the same number of banks, or fewer than 10,000 payments.
    """
    import pandas as pd

    if np.shape(met) != (len(sizes), len(KINDS)):
        raise SettingError(f"met is (banks, {len(KINDS)}) for the {len(sizes)} banks of sizes, got {np.shape(met)}")
    rng = np.random.default_rng([seed, 15])
    everyday = _everyday(count, seed)
    owner = pd.DataFrame({"bank": np.searchsorted(np.cumsum(sizes)[:-1], rng.random(fraud.CARDS), side="right")})
    owner["test"] = rng.random(fraud.CARDS) < 0.5
    owner["usual"] = np.log(everyday["amount"]).groupby(everyday["card"]).mean()  # NaN: a card that nobody uses
    everyday = everyday.join(owner[["bank", "test"]], on="card").assign(kind=0, ring=-1)
    crimes, rings = [], 0
    for bank, test in np.ndindex(len(sizes), 2):
        here = owner[(owner["bank"] == bank) & (owner["test"] == bool(test))]["usual"].dropna()
        number = int(((everyday["bank"] == bank) & (everyday["test"] == bool(test))).sum())
        for kind in range(len(KINDS)):
            frauds = round(number * (RATE_TEST if test else RATE_MET * float(met[bank, kind])))
            crimes.append(_crimes(kind, frauds, here, rng).assign(bank=bank, test=bool(test)))
            crimes[-1]["ring"] += rings
            rings += -(-frauds // _RING)
    crime = pd.concat(crimes)
    crime["merchant"] = fraud.MERCHANTS + crime["ring"]
    return pd.concat([everyday, crime]).sort_values("time", kind="stable", ignore_index=True)


@lru_cache(maxsize=10)
def _everyday(count: int, seed: int) -> pd.DataFrame:
    """Genuine payments; kept, because the same everyday life is looked at with other banks and other frauds. Not to be changed."""
    table = fraud.stream(count, "stationary", seed)
    return table.loc[table["fraud"] == 0, ["time", "card", "merchant", "category", "amount", "distance", "online"]]


def _crimes(kind: int, count: int, usual: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """``count`` frauds of a kind, in bursts on stolen cards of which ``usual`` has the usual sum; their rings numbered from 0."""
    import pandas as pd

    burst = np.cumsum(rng.random(count) < 1 / _BURST[kind])
    stolen, day = rng.choice(usual.index, count + 1)[burst], rng.integers(10, fraud.DAYS - 5, count + 1)[burst]
    hour = rng.normal(_NIGHT if KINDS[kind] == "testing" else _AFTERNOON, 2, count + 1)[burst]
    later = pd.Series(rng.exponential(_GAP[kind], count)).groupby(burst).cumsum().clip(upper=72)
    factor = rng.normal(_FACTOR[kind], 0.5, count)
    online, gifts = KINDS[kind] != "skimming", fraud.CATEGORIES.index("gift cards")
    table = pd.DataFrame({"time": np.round(24.0 * day + hour + later, 4), "card": stolen})
    table["category"] = gifts if KINDS[kind] == "takeover" else rng.integers(0, gifts, count)
    table["amount"] = np.round(np.maximum(np.exp(usual.loc[stolen].to_numpy() + factor), 0.5), 2)
    table["distance"] = 0.0 if online else np.round(np.exp(rng.normal(6, 0.5, count)), 1)
    return table.assign(online=int(online), kind=1 + kind, ring=np.arange(count) // _RING)


def tables(every: pd.DataFrame, keep_one_in: int = KEEP_ONE_IN) -> tuple[list[Table], list[Table]]:
    """What each bank trains on, and what it is tested on: ``(training, test)``, a table a bank.

    Training has all frauds and every tenth genuine payment, tests have every payment.
    """
    x = signals(every)
    bank, test, kind = (every[name].to_numpy() for name in ("bank", "test", "kind"))
    kept = (kind > 0) | (np.arange(len(kind)) % keep_one_in == 0)
    parts = [[np.flatnonzero((bank == b) & where) for b in range(bank.max() + 1)] for where in (~test & kept, test)]
    training, tests = ([Table(x[rows], kind[rows]) for rows in part] for part in parts)
    return training, tests


def signals(every: pd.DataFrame) -> np.ndarray:
    """``fraud.features`` on the agreed scale behind a column of ones, shape (payments, 18)."""
    scaled = (fraud.features(every).astype(float) - CENTRE) / SPREAD
    return np.column_stack([np.ones(len(scaled)), scaled])


def pool(parts: Sequence[Table]) -> Table:
    """All their payments in one table."""
    return Table(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def with_false_entries(books: Table, elsewhere: Table, kind: int = 4, count: int = 60) -> Table:
    """These payments and the first ``count`` frauds of a kind from elsewhere, entered as genuine.

    Raises:
        SettingError: there are not so many frauds of the kind elsewhere.
    """
    frauds = elsewhere.x[elsewhere.kind == kind][:count]
    if len(frauds) < count:
        raise SettingError(f"{count} false entries need as many frauds of kind {kind}, got {len(frauds)}")
    return Table(np.concatenate([books.x, frauds]), np.concatenate([books.kind, np.zeros(count, books.kind.dtype)]))
