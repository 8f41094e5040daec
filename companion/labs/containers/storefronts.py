"""From a shop's orders to its model on disk, and how often that finds what was planted."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from recommender.shops import model as shop_model
from recommender.shops.cache import ModelCache

from companion.datasets.storefronts import Storefront, storefront
from companion.processes import environment
from companion.workspace import check_free, disk_errors

NEIGHBOURS = 10


def bought_together(orders: np.ndarray, most: int = NEIGHBOURS) -> list[list[list]]:
    """Item-item: of each product ``[number, cosine]`` of the others that stand in the same orders, best first.

    Args:
        orders: bool, shape (orders, products).
        most: neighbours kept of each; those that were never bought together are left out.

    Source: G. Linden, B. Smith, J. York, "Amazon.com recommendations", IEEE Internet Computing 2003.
    """
    counts = orders.astype(int)
    common = counts.T @ counts
    sold = np.diag(common)
    scores = common / np.sqrt(np.maximum(np.outer(sold, sold), 1))
    np.fill_diagonal(scores, 0)
    scores = np.round(scores, 4)  # before the order is decided: equal in four digits is equal on every machine
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    return [
        [[int(other), float(scores[one, other])] for other in others if scores[one, other] > 0]
        for one, others in enumerate(ranked)
    ]


def write_models(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Train and store a model for each shop below ``folder``; returns whose each SKU is.

    Raises:
        WorkspaceError: the disk is full.
    """
    owners: dict[str, str] = {}
    check_free(folder, 64 * 2**20)
    with disk_errors(folder):
        for name in names:
            shop = storefront(name)
            sales = shop.orders.sum(axis=0).tolist()
            shop_model.write(folder, name, shop.skus, bought_together(shop.orders), sales)
            owners.update(dict.fromkeys(shop.skus, name))
    return owners


def partner_found(shop: Storefront) -> tuple[int, int, int]:
    """Planted pairs that come out first: by the model, and by a shop's bestseller; and the products that have a partner."""
    model = bought_together(shop.orders)
    bestseller = int(np.argmax(shop.orders.sum(axis=0)))
    paired = [p for p in range(len(shop.skus)) if shop.partner[p] != p and shop.orders[:, p].any()]
    by_model = sum(bool(model[p]) and model[p][0][0] == shop.partner[p] for p in paired)
    return by_model, sum(bestseller == shop.partner[p] for p in paired), len(paired)


def hit_ratio(
    requests: Sequence[tuple[str, int]], sizes: Sequence[int], skip: int = 5_000, by_shop: bool = False
) -> float:
    """Share of the requests behind the first ``skip`` whose model is held, in the service's own caches.

    Args:
        requests: (shop, product).
        sizes: models that each of the caches holds.
        by_shop: each shop has a cache of its own (by SHA-256); otherwise the requests go to them in turn.
    """
    caches = [ModelCache(str, size) for size in sizes]
    found = []
    for number, (shop, _) in enumerate(requests):
        place = int.from_bytes(hashlib.sha256(shop.encode()).digest()[:4]) if by_shop else number
        found.append(caches[place % len(caches)].get(shop)[1] == "hit")
    return sum(found[skip:]) / len(found[skip:])


def printed(code: str, salt: str) -> str:
    """What a line of Python prints in a process of its own, whose ``hash`` has this salt."""
    env = environment.for_child({"PYTHONHASHSEED": salt})
    return subprocess.run(
        [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True
    ).stdout.strip()
