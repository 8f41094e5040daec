"""Two thousand shops: what each sells, what is bought together there, and who is asked how often.

Simulated. Every draw of a shop comes from a generator seeded by the SHA-256 of its name, so that each process on each machine
draws the same (Python's own ``hash`` of a text is another one in every process). The pairs that are bought together are planted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from companion.errors import SettingError

ORDERS = 150
LEAST, MOST = 16, 40
_TOGETHER = 0.6  # share of a product's orders that its partner is in, too


@dataclass(frozen=True)
class Storefront:
    """One shop.

    Attributes:
        name: as in an address.
        skus: its products' own numbers, which no other shop has; the place of a product is its number in a request.
        orders: which order holds which product, bool, shape (orders, products).
        partner: planted: the product that each is bought together with, shape (products,); the partner of the partner is the
            product itself. The last of an odd number has none, and is its own.
    """

    name: str
    skus: tuple[str, ...]
    orders: np.ndarray
    partner: np.ndarray


def names(count: int = 2_000) -> list[str]:
    """The shops, from the most to the least asked: ``shop-0000`` and so on."""
    if not 1 <= count <= 10_000:
        raise SettingError(f"count must be from 1 to 10,000, got {count}")
    return [f"shop-{rank:04d}" for rank in range(count)]


def products(name: str) -> int:
    """How many products a shop sells, from ``LEAST`` to ``MOST``."""
    return LEAST + _digest(name)[0] % (MOST - LEAST + 1)


def storefront(name: str, orders: int = ORDERS) -> Storefront:
    """The shop of this name.

    Raises:
        SettingError: fewer orders than 1.
    """
    if orders < 1:
        raise SettingError(f"orders must be at least 1, got {orders}")
    count, digest = products(name), _digest(name)
    rng = np.random.default_rng(int.from_bytes(digest[:16]))
    shuffled = rng.permutation(count)
    partner = np.arange(count)
    for one, other in zip(shuffled[: count // 2], shuffled[count // 2 : 2 * (count // 2)], strict=True):
        partner[one], partner[other] = other, one
    popularity = rng.dirichlet(np.full(count, 2.0))
    bought = np.zeros((orders, count), bool)
    first = rng.choice(count, orders, p=popularity)
    bought[np.arange(orders), first] = True
    along = rng.random(orders) < _TOGETHER
    bought[np.arange(orders)[along], partner[first[along]]] = True
    by_chance = rng.choice(count, orders, p=popularity)
    bought[np.arange(orders), by_chance] = True
    prefix = digest.hex()[:10]
    return Storefront(name, tuple(f"{prefix}-{number:02d}" for number in range(count)), bought, partner)


def shares(count: int = 2_000, exponent: float = 1.0) -> np.ndarray:
    """Zipf: each shop's share of the requests, in the order of :func:`names`; shape (count,), sum 1.

    Raises:
        SettingError: fewer than one shop, or a negative exponent.
    """
    if count < 1 or exponent < 0:
        raise SettingError(f"count must be at least 1 and the exponent at least 0, got {count} and {exponent}")
    weights = np.arange(1, count + 1, dtype=float) ** -exponent
    return weights / weights.sum()


def visits(requests: int, count: int = 2_000, exponent: float = 1.0, seed: int = 0) -> list[tuple[str, int]]:
    """Independent requests, each a shop and one of its products, in proportion to :func:`shares`.

    Raises:
        SettingError: no requests, or what :func:`shares` refuses.
    """
    if requests < 1:
        raise SettingError(f"requests must be at least 1, got {requests}")
    rng = np.random.default_rng(seed)
    everybody = names(count)
    chosen = rng.choice(count, requests, p=shares(count, exponent))
    places = rng.random(requests)
    return [
        (everybody[shop], int(place * products(everybody[shop])))
        for shop, place in zip(chosen.tolist(), places.tolist(), strict=True)
    ]


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
