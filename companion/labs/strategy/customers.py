"""The job of ``scaling_strategy``: the customers of a simulated shop, and how well each aisle goes with each product.

All numbers are whole, and small: a score is a sum of whole numbers below 2^53, the same in whatever order an engine adds. So engines
can be asked for the very same answer, ties included.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from companion.datasets import shop
from companion.errors import SettingError
from companion.workspace import check_free, disk_errors

#: customers of the simulated shop; more than these are the same ones again
DIFFERENT = 4_000
PRODUCTS = 400


def job(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The shop's ``tastes`` and ``affinity``.

    Returns:
        tastes: events of each customer in each aisle, shape (4000, 20), int16.
        affinity: of all events of a product's customers, how many per cent are in each aisle, rounded, shape (20, 400), int16; an event
            counts as often as the customer has had this product. 0 for a product that nobody has had.

    The score of a product for a customer is the sum over the aisles, tastes x affinity. Simulated; see :mod:`companion.datasets.shop`.
    """
    made = shop.simulate(customers=DIFFERENT, products=PRODUCTS, events=60_000, seed=seed)
    customer, product = (made.events[name].to_numpy() for name in ("customer", "product"))
    aisle = made.products["aisle"].to_numpy()[product]
    tastes = np.zeros((DIFFERENT, shop.AISLES), np.int64)
    np.add.at(tastes, (customer, aisle), 1)
    together = np.zeros((PRODUCTS, shop.AISLES), np.int64)
    np.add.at(together, product, tastes[customer])
    whole = np.maximum(together.sum(axis=1, keepdims=True), 1)
    # round half up, in whole numbers
    return tastes.astype(np.int16), ((200 * together + whole) // (2 * whole)).T.astype(np.int16)


def write(folder: Path, customers: int, seed: int = 1) -> None:
    """The job as files, ``tastes.npy`` (customers, 20) and ``affinity.npy``: the shop's customers, again and again.

    Raises:
        SettingError: no customer.
        WorkspaceError: the disk is full.
    """
    if customers < 1:
        raise SettingError(f"customers must be at least 1, got {customers}")
    tastes, affinity = job(seed)
    check_free(folder, 2 * customers * tastes.shape[1])
    with disk_errors(folder):
        np.save(folder / "affinity.npy", affinity)
        np.save(folder / "tastes.npy", np.resize(tastes, (customers, tastes.shape[1])))
