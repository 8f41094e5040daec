"""Card payments with rare fraud: cards and merchants with habits, fraudsters who change their tactics, labels that come late.

Simulated, so that every fraud, its tactic and the days on which the world changes are known. ``fetch_creditcard`` gets the
public original that the simulation stands in for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from companion.datasets._fetch import fetch
from companion.errors import DatasetError, SettingError

if TYPE_CHECKING:
    import pandas as pd

DAYS = 120
CARDS = 5_000
MERCHANTS = 800
FRAUD_RATE = 0.002
CATEGORIES = ("groceries", "fuel", "dining", "travel", "electronics", "gift cards")
TACTICS = ("genuine", "skimming", "testing", "takeover")
SKIMMING, TESTING, TAKEOVER = 1, 2, 3

#: days after which a transaction that nobody disputed counts as genuine; a fraud is reported on one of the days before
LABEL_DELAY = 7
#: planted drift: first and last day of the gradual one, day of the sudden one
GRADUAL = (45, 65)
SUDDEN = 90
SCENARIOS = ("stationary", "gradual", "sudden", "both")

#: share of skimming, testing and takeover: at the start, after the gradual drift, after the sudden one
_MIXTURES = np.array([[0.95, 0.05, 0.0], [0.05, 0.95, 0.0], [0.0, 0.05, 0.95]])

COLUMNS = (
    "time",
    "day",
    "card",
    "merchant",
    "category",
    "amount",
    "distance",
    "online",
    "fraud",
    "tactic",
    "label_day",
)


def stream(transactions: int = 600_000, scenario: str = "both", seed: int = 0) -> pd.DataFrame:
    """Payments in the order in which they happen, over 120 days.

    Fraud comes in bursts on a stolen card. *Skimming*: large sums far from home, at a few dishonest terminals. *Testing*: many
    tiny online payments within minutes, at night. *Takeover*: online gift cards, at everyday times and sums. In the scenarios
    ``gradual`` and ``both``, testing replaces skimming over the days ``GRADUAL`` while customers move online and prices rise by
    30 %; in ``sudden`` and ``both``, takeover replaces whatever there was, on the day ``SUDDEN``.

    Returns:
        One row a transaction, sorted by ``time``: ``time`` (hours since the start), ``day``, ``card``, ``merchant``,
        ``category`` (index into CATEGORIES), ``amount`` (euros), ``distance`` (km from the cardholder's home, 0 online),
        ``online`` (0 or 1), ``fraud`` (planted, 0 or 1), ``tactic`` (planted, index into TACTICS), ``label_day`` (first day
        on which ``fraud`` is known; ``tactic`` never is).

    Raises:
        SettingError: no such scenario, or fewer than 10,000 transactions.
    """
    import pandas as pd

    if scenario not in SCENARIOS:
        raise SettingError(f"no scenario {scenario!r}; there are: {', '.join(SCENARIOS)}")
    if transactions < 10_000:
        raise SettingError(f"transactions must be at least 10,000, got {transactions}")
    frauds = round(FRAUD_RATE * transactions)
    people, payments, crimes = (np.random.default_rng([seed, part]) for part in range(3))
    world = _world(people)
    columns = _join(
        _genuine(world, transactions - frauds, scenario in ("gradual", "both"), payments),
        _fraudulent(world, frauds, scenario, crimes),
    )
    table = pd.DataFrame(columns)
    order = np.argsort(table["time"].to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)[list(COLUMNS)]


def require_columns(table: pd.DataFrame, names: tuple[str, ...] = COLUMNS) -> pd.DataFrame:
    """``table`` itself when it has these columns; DatasetError, naming those that are missing, otherwise."""
    if missing := [name for name in names if name not in table]:
        raise DatasetError(f"not a table of transactions, missing: {', '.join(missing)}")
    return table


def drift_progress(day: np.ndarray) -> np.ndarray:
    """How far the gradual drift has come by each day, from 0 to 1."""
    first, last = GRADUAL
    return np.clip((np.asarray(day) - first) / (last - first), 0, 1)


def tactic_shares(day: np.ndarray, scenario: str = "both") -> np.ndarray:
    """The planted shares of skimming, testing and takeover among the frauds of each day, shape (days, 3)."""
    day = np.asarray(day)
    progress = drift_progress(day) if scenario in ("gradual", "both") else np.zeros(len(day))
    shares = np.outer(1 - progress, _MIXTURES[0]) + np.outer(progress, _MIXTURES[1])
    if scenario in ("sudden", "both"):
        shares[day >= SUDDEN] = _MIXTURES[2]
    return shares


def _world(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Cards and merchants with their habits; places in km on a square of 100 km."""
    online = rng.random(MERCHANTS) < 0.3
    category = rng.choice(len(CATEGORIES), MERCHANTS, p=[0.30, 0.12, 0.25, 0.10, 0.15, 0.08])
    home, place = rng.uniform(0, 100, (CARDS, 2)), rng.uniform(0, 100, (MERCHANTS, 2))
    east, north = (home[:, side, None] - place[:, side] for side in (0, 1))
    away = np.sqrt(east * east + north * north)
    away[:, online] = 0
    # the nearest shops and a few web shops are where a cardholder goes by habit
    nearby = np.argsort(np.where(online, np.inf, away), axis=1)[:, :9]
    web = rng.choice(np.flatnonzero(online), (CARDS, 3))
    activity = rng.gamma(2.0, 1.0, CARDS)
    return {
        "online": online,
        "category": category,
        "away": away,
        "favourites": np.hstack([nearby, web]),
        "activity": activity / activity.sum(),
        "hour": rng.normal(14, 2.5, CARDS),
        "level": rng.normal(3.2, 0.5, CARDS),  # mean logarithm of an amount in euros
        "price": np.array([0.0, 0.4, -0.1, 1.0, 0.9, 0.3])[category] + rng.normal(0, 0.2, MERCHANTS),
    }


def _genuine(world: dict, count: int, drifting: bool, rng: np.random.Generator) -> dict[str, np.ndarray]:
    card = rng.choice(CARDS, count, p=world["activity"])
    day = rng.integers(0, DAYS, count)
    progress = drift_progress(day) * drifting
    hour = np.mod(world["hour"][card] + rng.normal(0, 3.5, count), 24)
    usual = world["favourites"][card, rng.integers(0, world["favourites"].shape[1], count)]
    elsewhere = rng.integers(0, MERCHANTS, count)
    web = rng.choice(np.flatnonzero(world["online"]), count)
    habit = rng.random(count)
    # customers move online: from one payment in fifty at a new web shop to one in five
    merchant = np.where(habit < 0.12, elsewhere, usual)
    merchant = np.where(habit > 0.98 - 0.18 * progress, web, merchant)
    amount = np.exp(world["level"][card] + world["price"][merchant] + rng.normal(0, 0.55, count)) * (1 + 0.3 * progress)
    zeros = np.zeros(count, np.int8)
    return _columns(world, day * 24 + hour, card, merchant, amount, zeros, day + LABEL_DELAY)


def _fraudulent(world: dict, count: int, scenario: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Bursts of one to five frauds on a stolen card, each burst with one tactic."""
    sizes = rng.integers(1, 6, count)
    burst = np.repeat(np.arange(count), sizes)[:count]
    start = rng.uniform(0, DAYS, count)
    tactic_of = 1 + (rng.random((count, 1)) > np.cumsum(tactic_shares(np.floor(start), scenario), axis=1)).sum(axis=1)
    card, tactic = rng.integers(0, CARDS, count)[burst], np.minimum(tactic_of, TAKEOVER)[burst]
    first = np.r_[True, burst[1:] != burst[:-1]]
    gap = rng.exponential(np.choose(tactic, [0, 5.0, 0.15, 9.0]))
    night = np.floor(start)[burst] * 24 + 1 + 4 * (start % 1)[burst]
    time = np.where(tactic == TESTING, night, 24 * start[burst]) + _since(np.where(first, 0, gap), first)
    time = np.minimum(time, 24 * DAYS - 0.001)  # what would come after the end comes at the end
    merchant = _crime_scene(world, tactic, time, rng)
    factor = np.exp(np.choose(tactic, [0, 1.4, -1.9, 0.8]) + rng.normal(0, 0.5, count))
    amount = np.exp(world["level"][card] + np.where(tactic == TAKEOVER, 0.3, 0.2)) * factor
    reported = np.floor(time / 24).astype(int) + rng.integers(1, LABEL_DELAY + 1, count)
    return _columns(world, time, card, merchant, amount, tactic.astype(np.int8), reported)


def _since(gaps: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Running sum of the gaps that starts again at each ``first``."""
    total = np.cumsum(gaps)
    return total - np.repeat(total[first], np.diff(np.r_[np.flatnonzero(first), len(first)]))


def _crime_scene(world: dict, tactic: np.ndarray, time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Merchants of frauds: fifteen dishonest terminals for 20 days each, any web shop, or a seller of gift cards."""
    shops, web = np.flatnonzero(~world["online"]), np.flatnonzero(world["online"])
    terminals = rng.choice(shops, (-(-DAYS // 20), 15))
    skimmed = terminals[(time / 24 // 20).astype(int), rng.integers(0, 15, len(time))]
    skimmed = np.where(rng.random(len(time)) < 0.5, skimmed, rng.choice(shops, len(time)))
    gifts = web[world["category"][web] == CATEGORIES.index("gift cards")]
    sold = np.where(rng.random(len(time)) < 0.9, rng.choice(gifts, len(time)), rng.choice(web, len(time)))
    return np.choose(tactic - 1, [skimmed, rng.choice(web, len(time)), sold])


def _columns(world, time, card, merchant, amount, tactic, label_day) -> dict[str, np.ndarray]:
    return {
        "time": np.round(time, 4),
        "day": np.floor(time / 24).astype(np.int64),
        "card": card,
        "merchant": merchant,
        "category": world["category"][merchant],
        "amount": np.round(np.maximum(amount, 0.5), 2),
        "distance": np.round(world["away"][card, merchant], 1),
        "online": world["online"][merchant].astype(np.int8),
        "fraud": (tactic > 0).astype(np.int8),
        "tactic": tactic,
        "label_day": label_day,
    }


def _join(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([one[name], other[name]]) for name in one}


#: what ``features`` gives of each payment, in this order
FEATURES = (
    "ratio above",
    "ratio below",
    "speed",
    "speed online",
    "distance",
    "far and new",
    "online",
    "new",
    "new online",
    "night",
    *CATEGORIES,
    "gift cards online",
)


def history(payments: pd.DataFrame) -> dict[str, np.ndarray]:
    """Each payment against the earlier ones of its card, nothing later; ``payments`` in the order in which they happened.

    Returns:
        Three arrays, a value a payment: ``ratio`` (logarithm of the sum over the card's usual one, 0 at its first payment),
        ``recent`` (its payments in the 24 hours before), ``new`` (True at its first visit to the merchant).
    """
    log_amount, earlier = np.log(payments["amount"]), payments.groupby("card").cumcount()
    usual = (log_amount.groupby(payments["card"]).cumsum() - log_amount) / earlier.clip(lower=1)
    key = (payments["card"] * 10_000 + payments["time"]).to_numpy()  # a card's payments side by side, 2,880 hours each
    order = np.argsort(key, kind="stable")
    recent = np.empty(len(key))
    recent[order] = np.arange(len(key)) - np.searchsorted(key[order], key[order] - 24)
    ratio = (log_amount - usual).where(earlier > 0, 0.0)
    return {"ratio": ratio.to_numpy(), "recent": recent, "new": ~payments.duplicated(["card", "merchant"]).to_numpy()}


def features(payments: pd.DataFrame) -> np.ndarray:
    """What a model sees of each payment: ``FEATURES``, float32, shape (payments, 17), none of them scaled.

    They look at the payment and at what its card did before, so the features of the past stay the same whatever comes later.
    A linear model gets the combinations that matter ready-made: far *and* new, fast *and* online.

    Raises:
        DatasetError: a column is missing; it is named.
    """
    require_columns(payments, ("time", "card", "merchant", "category", "amount", "distance", "online"))
    past, online = history(payments), payments["online"].to_numpy()
    speed, far = np.log1p(past["recent"]), payments["distance"].to_numpy() > 20
    kinds = payments["category"].to_numpy()[:, None] == np.arange(len(CATEGORIES))
    columns = [
        *(past["ratio"].clip(min=0), (-past["ratio"]).clip(min=0), speed, speed * online),
        *(np.log1p(payments["distance"]), far & past["new"], online, past["new"], past["new"] & (online == 1)),
        *(payments["time"] % 24 < 6, *kinds.T, kinds[:, -1] & (online == 1)),
    ]
    seen = np.empty((len(payments), len(FEATURES)), np.float32)
    for number, column in enumerate(columns):
        seen[:, number] = column
    return seen


#: The file that the Machine Learning Group of the Université Libre de Bruxelles publishes on Kaggle, behind an account there;
#: this is the copy that TensorFlow's tutorial on imbalanced data reads. Zenodo has the same file (record 7395559).
CREDITCARD_URL = "https://storage.googleapis.com/download.tensorflow.org/data/creditcard.csv"
CREDITCARD_HASH = "sha256:76274b691b16a6c49d3f159c883398e03ccd6d1ee12d9d8ee38f4b4b98551a89"
CREDITCARD_COLUMNS = ("Time", *(f"V{number}" for number in range(1, 29)), "Amount", "Class")


def fetch_creditcard() -> pd.DataFrame:
    """The public original: 284,807 real card payments of two days in September 2013, 492 of them fraud (150 MB, downloaded).

    The publisher states no checksum. The pinned SHA-256 is the one that several public projects give for this file, one of
    them for this very address; it was not computed here. If the copy is ever replaced, you get an error and no data: download
    the file from Kaggle yourself then, and call ``read_creditcard``.

    Returns:
        What ``read_creditcard`` returns.

    Raises:
        DatasetError: it can't be downloaded, or is not the pinned file; nothing of it is kept then.

    Source: Dal Pozzolo, Caelen, Johnson and Bontempi, IEEE SSCI 2015; Open Database Licence.
    """
    return read_creditcard(fetch(CREDITCARD_URL, CREDITCARD_HASH, "creditcard.csv"))


def read_creditcard(path: Path | str) -> pd.DataFrame:
    """Read a CSV with the schema of the public original.

    Returns:
        One row a transaction: ``Time`` (seconds since the first), ``V1`` to ``V28`` (principal components, no units),
        ``Amount`` (euros), ``Class`` (1 is fraud), float64 but for the int8 ``Class``.

    Raises:
        DatasetError: there is no such file, a column is missing, or a value is not a number.
    """
    import pandas as pd

    name = Path(path).name
    try:
        table = pd.read_csv(path)
    except FileNotFoundError as error:
        raise DatasetError(f"{name}: no such file") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DatasetError(f"{name}: not a CSV file ({error})") from error
    if missing := [column for column in CREDITCARD_COLUMNS if column not in table]:
        raise DatasetError(f"{name}: not the credit-card data, missing: {', '.join(missing)}")
    table = table[list(CREDITCARD_COLUMNS)].apply(pd.to_numeric, errors="coerce")
    if wrong := [column for column in table if table[column].isna().any()]:
        raise DatasetError(f"{name}: not a number in: {', '.join(wrong)}")
    if not table["Class"].isin((0, 1)).all():
        raise DatasetError(f"{name}: Class must be 0 or 1")
    return table.astype(dict.fromkeys(CREDITCARD_COLUMNS[:-1], float) | {"Class": np.int8})
