"""A shop's model: which products are bought together, and what to show when the model can't be used.

On disk a shop is a folder of three files: ``model.json`` with its ``manifest.json`` (see ``serving.artefact``), and
``bestsellers.json``, which needs no model. All three say whose they are.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recommender.common.errors import StoreUnavailable
from serving import artefact

VERSION = "1.0.0"
MOST = 10
BESTSELLERS = "bestsellers.json"
#: a model that can't be used is tried again after so many seconds
TRY_AGAIN_SECONDS = 30.0
SCHEMA = {"product": {"type": "integer", "minimum": 0}, "k": {"type": "integer", "minimum": 1, "maximum": MOST}}
_SHOP = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)


class NoSuchProduct(LookupError):
    """The shop doesn't sell it."""


@dataclass(frozen=True)
class ShopModel:
    """What a process holds of a shop.

    Attributes:
        version: the first digits of the model's SHA-256; None for the bestsellers alone.
        until: when a shop without a model is looked at again, by the monotonic clock.
    """

    shop: str
    model: dict[str, Any]
    version: str | None
    until: float = float("inf")

    @property
    def degraded(self) -> bool:
        return self.version is None

    def to_be_tried_again(self) -> bool:
        return time.monotonic() >= self.until

    def recommend(self, product: int, k: int) -> list[dict[str, Any]]:
        """The ``k`` products most bought together with this one, best first; the bestsellers without a model."""
        return best(self.model, product, k)


def best(model: dict[str, Any], product: int, k: int) -> list[dict[str, Any]]:
    """From ``{"shop", "skus", "neighbours"}``, or from ``{"shop", "skus"}`` in the order of sales.

    Raises:
        NoSuchProduct: the model has no such number.
    """
    skus = model["skus"]
    if "neighbours" not in model:
        return [{"sku": sku, "score": 0.0} for sku in skus[:k]]
    if not 0 <= product < len(skus):
        raise NoSuchProduct(product)
    return [{"sku": skus[other], "score": score} for other, score in model["neighbours"][product][:k]]


def predict(model: dict[str, Any], instances: list[dict]) -> list[dict]:
    """For the artefact's golden pairs."""
    return [{"items": best(model, each["product"], each["k"])} for each in instances]


def service(shop: str) -> str:
    """What a shop's manifest says it is for: one that was copied into another shop's folder is refused by that."""
    return f"shops/{shop}"


def write(folder: Path, shop: str, skus: Sequence[str], neighbours: list, sales: Sequence[int]) -> dict[str, Any]:
    """Store a shop below ``folder``; returns the manifest.

    Args:
        skus: the shop's products; their place is their number in a request.
        neighbours: of each product ``[number, score]`` of others, best first.
        sales: of each product.
    """
    model = {"shop": shop, "skus": list(skus), "neighbours": neighbours}
    asked = [{"product": product, "k": MOST} for product in (0, len(skus) - 1)]
    golden = [{"instance": one, "prediction": answer} for one, answer in zip(asked, predict(model, asked), strict=True)]
    manifest = artefact.write(
        folder / shop, model, service=service(shop), model_version=VERSION, schema=SCHEMA,
        metrics={"products": len(skus)}, golden=golden, form=artefact.JSON,
    )  # fmt: skip
    ranked = sorted(range(len(skus)), key=lambda number: (-sales[number], number))
    bestsellers = {"shop": shop, "skus": [skus[number] for number in ranked[:MOST]]}
    (folder / shop / BESTSELLERS).write_text(json.dumps(bestsellers))
    return manifest


class Shelf:
    """The folder with all shops.

    Args:
        seconds: a simulated wait of each load, as for a store that is further away than this disk.
        sleep: how it is waited.
    """

    def __init__(self, folder: Path, seconds: float = 0.0, sleep: Callable[[float], None] = time.sleep):
        self._folder, self._seconds, self._sleep = folder, seconds, sleep

    def check(self) -> None:
        """StoreUnavailable when the folder can't be read, or holds nothing."""
        try:
            with os.scandir(self._folder) as entries:
                found = next(entries, None)
        except OSError as error:
            raise StoreUnavailable(f"the folder with the models can't be read: {error.strerror}") from error
        if found is None:
            raise StoreUnavailable("the folder with the models is empty")

    def has(self, shop: str) -> bool:
        """Whether there is such a shop; a name that could be a path is none."""
        return _SHOP.fullmatch(shop) is not None and (self._folder / shop).is_dir()

    def load(self, shop: str) -> ShopModel:
        """The shop's model; its bestsellers where the model is damaged, or another shop's.

        Raises:
            StoreUnavailable: the bestsellers can't be used either.
        """
        if self._seconds:
            self._sleep(self._seconds)
        folder = self._folder / shop
        try:
            found = artefact.load(
                folder, service=service(shop), schema=SCHEMA, floors={"products": 1}, predict=predict,
                form=artefact.JSON,
            )  # fmt: skip
            if found.model.get("shop") != shop:
                raise artefact.ArtefactError(f"the model is of the shop {found.model.get('shop')!r}")
            return ShopModel(shop, found.model, found.manifest["sha256"][:12])
        except artefact.ArtefactError:
            return ShopModel(shop, _bestsellers(folder, shop), None, time.monotonic() + TRY_AGAIN_SECONDS)


def _bestsellers(folder: Path, shop: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / BESTSELLERS).read_text())
        if found["shop"] == shop and all(isinstance(sku, str) for sku in found["skus"]):
            return {"shop": shop, "skus": found["skus"]}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise StoreUnavailable("this shop has neither a model nor bestsellers that can be used")
