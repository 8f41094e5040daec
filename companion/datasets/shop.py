"""A shop's event log: what customers looked at, put into the cart, bought and rated, each driven by a known taste.

Simulated, so that the probability of every choice is known: the best ranking that anybody could make is the planted truth.
``fetch_movielens`` gets a public original in the same shape, and ``sample_ratings`` copies the one inside PySpark.
"""

from __future__ import annotations

import io
import shutil
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from companion.datasets._fetch import fetch
from companion.errors import DatasetError, SettingError
from companion.workspace import check_free, disk_errors

if TYPE_CHECKING:
    import pandas as pd

DAYS = 90
AISLES = 20
START = "2026-01-01"
KINDS = ("view", "cart", "buy")
_SHARES = (0.76, 0.12, 0.12)  # of the kinds among the events
_LOYALTY = 0.9  # share of a customer's events that follow their own taste, the rest follows everybody's
_COLUMNS = ("time", "customer", "product", "kind", "stars")

MOVIELENS_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
#: frozen since 1998; GroupLens itself publishes the MD5 0e33842e24a9c977be4e0107933c0723 of the same file
MOVIELENS_HASH = "sha256:50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"


@dataclass(frozen=True)
class Shop:
    """What happened, and why.

    Attributes:
        events: one row an event in the order of time: ``time`` (a moment without time zone), ``customer`` and ``product``
            (int32), ``kind`` (one of ``KINDS``), ``stars`` (1 to 5, only for some of what was bought, else missing).
        products: one row a product: ``product``, ``aisle``, ``released`` (day, 0 is the first one of the log).
        preference: planted: probability that a customer's next event is about a product once all are released, shape
            (customers, products), float32; None for a public original, where nobody knows.
    """

    events: pd.DataFrame
    products: pd.DataFrame
    preference: np.ndarray | None


def simulate(customers: int = 4_000, products: int = 800, events: int = 300_000, seed: int = 0) -> Shop:
    """A shop of 20 aisles over 90 days.

    A customer likes few aisles (Dirichlet), and is one of many who come rarely or of few who come daily (log-normal).
    Within an aisle the product on popularity rank r is chosen in proportion to 1 / r. A sixth of the customers and of the
    products come only during the 90 days. Stars depend on a product's quality, which its popularity does not, and a little
    on taste.

    Raises:
        SettingError: fewer customers than 1, products than aisles, or events than 1.
    """
    import pandas as pd

    for name, value, least in (("customers", customers, 1), ("products", products, AISLES), ("events", events, 1)):
        if value < least:
            raise SettingError(f"{name} must be at least {least}, got {value}")
    rng = np.random.default_rng(seed)
    aisle = rng.permutation(np.arange(products) % AISLES)
    released = np.where(rng.random(products) < 1 / 6, rng.integers(1, DAYS, products), 0)
    appeal = np.empty(products)
    for a in range(AISLES):
        members = np.flatnonzero(aisle == a)
        appeal[members] = 1 / (1 + rng.permutation(len(members)))
        released[members[appeal[members].argmax()]] = 0  # no aisle is ever empty
    taste = _taste(customers, rng)

    joined = np.where(rng.random(customers) < 1 / 6, rng.uniform(0, DAYS, customers), 0)
    activity = rng.lognormal(0, 1, customers) * (1 - joined / DAYS)
    customer = rng.choice(customers, events, p=activity / activity.sum())
    day = joined[customer] + rng.random(events) * (DAYS - joined[customer])
    product = _choices(taste, aisle, appeal, released, customer, day, rng)

    kind = rng.choice(3, events, p=_SHARES)
    quality = rng.normal(0, 0.8, products)
    liking = 3.3 + quality[product] + taste[customer, aisle[product]] - 0.3 + rng.normal(0, 0.5, events)
    stars = np.where((kind == 2) & (rng.random(events) < 0.7), np.clip(np.round(liking), 1, 5), np.nan)
    table = pd.DataFrame(
        {
            "time": pd.Timestamp(START) + pd.to_timedelta((day * 86_400).astype(np.int64), unit="s"),
            "customer": customer.astype(np.int32),
            "product": product.astype(np.int32),
            "kind": np.array(KINDS)[kind],
            "stars": stars.astype(np.float32),
        }
    ).astype({"time": "datetime64[us]"})
    table = table.sort_values(["time", "customer", "product"], kind="stable", ignore_index=True)
    goods = pd.DataFrame({"product": np.arange(products, dtype=np.int32), "aisle": aisle, "released": released})
    share = appeal / np.bincount(aisle, appeal)[aisle]
    return Shop(table, goods.astype(np.int32), (taste[:, aisle] * share).astype(np.float32))


def _taste(customers: int, rng: np.random.Generator) -> np.ndarray:
    """Probability of each aisle by customer, shape (customers, AISLES)."""
    everybody = rng.dirichlet(np.full(AISLES, 4.0))
    own = rng.dirichlet(3 * everybody, customers)
    return _LOYALTY * own + (1 - _LOYALTY) * everybody


def _choices(taste, aisle, appeal, released, customer, day, rng) -> np.ndarray:
    """A product for each event: an aisle by taste, a product of it by appeal; drawn again while it is not yet released."""
    cumulative = taste.cumsum(axis=1)
    wanted = (rng.random((len(customer), 1)) * cumulative[customer, -1:] > cumulative[customer]).sum(axis=1)
    product = np.full(len(customer), -1)
    for a in range(AISLES):
        members, open_ = np.flatnonzero(aisle == a), np.flatnonzero(wanted == a)
        while len(open_):
            draw = rng.choice(members, len(open_), p=appeal[members] / appeal[members].sum())
            there = released[draw] <= day[open_]
            product[open_[there]] = draw[there]
            open_ = open_[~there]
    return product


def expected(shop: Shop, first: int, last: int) -> np.ndarray:
    """Planted: probability of each product for a customer's event between two days, when only what is released can be chosen.

    Nobody can know more of the days ``first`` (included) to ``last`` (not included) than this.

    Returns:
        float64, shape (customers, products); a row sums to 1.

    Raises:
        SettingError: the shop's truth is not known, or no day lies between the two.
    """
    if shop.preference is None:
        raise SettingError(
            "nobody knows the truth of a public original: only of a simulated shop is the best ranking known"
        )
    if not 0 <= first < last:
        raise SettingError(f"first must be at least 0 and below last, got {first} and {last}")
    aisle, released = (shop.products[name].to_numpy() for name in ("aisle", "released"))
    of_aisle = np.eye(AISLES)[aisle]
    taste, appeal = shop.preference @ of_aisle, shop.preference.max(axis=0).astype(float)
    appeal = appeal / np.bincount(aisle, appeal)[aisle]
    there = (released <= np.arange(first, last)[:, None]) * appeal
    return taste[:, aisle] * (there / (there @ of_aisle)[:, aisle]).mean(axis=0)


def write_parquet(folder: Path, shop: Shop, parts: int = 8) -> None:
    """Write ``events/`` (``parts`` files, split by time as a shop's log would be) and ``products/`` as Parquet.

    Raises:
        DatasetError: the events lack a column.
        WorkspaceError: the disk is full.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if missing := [name for name in _COLUMNS if name not in shop.events]:
        raise DatasetError(f"not a table of events, missing: {', '.join(missing)}")
    check_free(folder, 32 * len(shop.events))
    with disk_errors(folder):
        for name, table, count in (("events", shop.events, parts), ("products", shop.products, 1)):
            (folder / name).mkdir(exist_ok=True)
            edges = np.linspace(0, len(table), count + 1).astype(int)
            for number, (start, stop) in enumerate(pairwise(edges)):
                part = pa.Table.from_pandas(table.iloc[start:stop], preserve_index=False).replace_schema_metadata()
                pq.write_table(part, folder / name / f"part-{number:03d}.parquet")


def sample_ratings(folder: Path) -> Path:
    """A copy of the 1,501 ratings that ship inside PySpark: ``user::movie::stars::seconds``, 30 users, 100 films, no header.

    Args:
        folder: where it goes; the package's own folder is not one that a cluster's machines share.

    Raises:
        DatasetError: PySpark is not installed, or without its example data.
        WorkspaceError: the disk is full.
    """
    found = find_spec("pyspark")
    path = (
        Path(found.origin).parent / "data" / "mllib" / "als" / "sample_movielens_ratings.txt"
        if found and found.origin
        else None
    )
    if path is None or not path.is_file():
        raise DatasetError("sample_movielens_ratings.txt comes with pip's pyspark, which is not installed here")
    with disk_errors(folder):
        return Path(shutil.copy(path, folder))


def fetch_movielens() -> Shop:
    """MovieLens 100K, 100,000 ratings of 1,682 films by 943 people in 1997 and 1998, as a shop without a known truth.

    A rating is an event of kind ``buy``; both are numbered from 0. Source: F. M. Harper and J. A. Konstan, "The MovieLens Datasets", ACM TiiS 2015;
    free for research, not to be passed on.

    Raises:
        DatasetError: no network, or not the pinned file.
    """
    return read_movielens(fetch(MOVIELENS_URL, MOVIELENS_HASH, "ml-100k.zip"))


def read_movielens(path: Path) -> Shop:
    """The shop in an ``ml-100k.zip``; DatasetError when it is no such archive."""
    import pandas as pd

    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read("ml-100k/u.data")
        table = pd.read_csv(io.BytesIO(content), sep="\t", names=["customer", "product", "stars", "seconds"])
        time = pd.to_datetime(table.pop("seconds"), unit="s").astype("datetime64[us]")
        table[["customer", "product"]] -= 1  # numbered from 0, like the simulated ones
        table = table.assign(time=time, kind="buy").astype(
            {"customer": "int32", "product": "int32", "stars": "float32"}
        )
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DatasetError(f"{Path(path).name}: not the MovieLens 100K archive ({error})") from error
    table = table.sort_values(["time", "customer", "product"], ignore_index=True)[list(_COLUMNS)]
    goods = pd.DataFrame({"product": np.sort(table["product"].unique()), "aisle": 0, "released": 0}).astype(np.int32)
    return Shop(table, goods, None)
