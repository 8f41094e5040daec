"""The shops: recommendations for many shops out of one pool. ``recommender.shops:create_app()`` is what gunicorn runs.

Each shop has a model of its own, loaded when it is first asked for; a process holds the latest few.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from apiflask import APIFlask
from recommender.common.app import new_app
from recommender.common.settings import Environment
from recommender.shops.api import Limits, blueprint
from recommender.shops.cache import ModelCache
from recommender.shops.limit import NoLimit, TokenBuckets
from recommender.shops.metrics import count
from recommender.shops.model import Shelf, ShopModel


@dataclass(frozen=True)
class Settings:
    """Of the shops.

    Attributes:
        models: the folder with a folder of each shop.
        token: what the services show each other.
        size: models that this process holds at most.
        warm: shops whose models are loaded before the service is ready.
        rate, burst: requests a second that a shop may send for long, and at once, to this process; rate 0 is no limit.
        store_seconds, lookup_seconds: simulated waits, for what this service has no neighbour for: of each load of a model, as
            for a store far away, and of each answer, as for a lookup of the customer.
        deadline_seconds: the longest that a request may take; a load is waited for no longer.
    """

    models: Path
    token: str = field(repr=False)
    size: int = 100
    warm: tuple[str, ...] = ()
    rate: float = 0.0
    burst: int = 10
    store_seconds: float = 0.0
    lookup_seconds: float = 0.0
    deadline_seconds: float = 5.0

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Settings:
        """``SHOPS_MODELS``, ``RECOMMENDER_TOKEN``, and ``SHOPS_`` with each of the others in capitals (warm: with commas)."""
        env = environment or Environment()
        return cls(
            models=Path(env.text("SHOPS_MODELS")),
            token=env.token(),
            size=int(env.number("SHOPS_SIZE", 100, 1, 1e6)),
            warm=tuple(name for name in env.text("SHOPS_WARM", ",").split(",") if name),
            rate=env.number("SHOPS_RATE", 0.0, 0, 1e6),
            burst=int(env.number("SHOPS_BURST", 10, 1, 1e6)),
            store_seconds=env.number("SHOPS_STORE_SECONDS", 0.0, 0, 60),
            lookup_seconds=env.number("SHOPS_LOOKUP_SECONDS", 0.0, 0, 60),
            deadline_seconds=env.number("SHOPS_DEADLINE_SECONDS", 5.0, 0.01, 60),
        )


def create_app(settings: Settings | None = None, limits: Limits | None = None) -> APIFlask:
    """The application of the shops; ``limits`` takes the place of the token buckets.

    Under gunicorn it is made before the port is opened: whoever is answered is answered by a process that is warm.
    """
    settings = settings or Settings.from_environment()
    shelf = Shelf(settings.models, settings.store_seconds)
    shelf.check()
    models: ModelCache[ShopModel] = ModelCache(shelf.load, settings.size, stale=ShopModel.to_be_tried_again, on=count)
    with ThreadPoolExecutor(16) as together:  # all of them end before gunicorn forks
        list(together.map(models.get, settings.warm))
    if limits is None:
        limits = TokenBuckets(settings.rate, settings.burst) if settings.rate else NoLimit()
    app = new_app(
        "shops",
        "Shops",
        token=settings.token,
        public=False,
        deadline_seconds=settings.deadline_seconds,
        needs={"models": shelf.check},
    )
    app.register_blueprint(blueprint(shelf, models, limits, settings.lookup_seconds))
    return app
