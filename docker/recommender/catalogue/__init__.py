"""The catalogue: which products there are. Owns its PostgreSQL schema; ``recommender.catalogue:create_app()`` for gunicorn."""

from __future__ import annotations

from dataclasses import dataclass, field

from apiflask import APIFlask
from recommender.catalogue.api import blueprint
from recommender.catalogue.store import PostgresStore, Store
from recommender.common.app import new_app
from recommender.common.settings import Environment


@dataclass(frozen=True)
class Settings:
    """Of the catalogue.

    Attributes:
        database: its own address of PostgreSQL, with its own role's password.
        token: what the services show each other.
        store_seconds: the longest that a statement may take.
    """

    database: str = field(repr=False)
    token: str = field(repr=False)
    store_seconds: float = 1.0
    deadline_seconds: float = 2.0

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Settings:
        """``CATALOGUE_DATABASE_URL``, ``RECOMMENDER_TOKEN``, ``CATALOGUE_STORE_SECONDS``, ``CATALOGUE_DEADLINE_SECONDS``."""
        env = environment or Environment()
        return cls(
            database=env.address("CATALOGUE_DATABASE_URL", "postgresql"),
            token=env.token(),
            store_seconds=env.number("CATALOGUE_STORE_SECONDS", 1.0, 0.01, 60),
            deadline_seconds=env.number("CATALOGUE_DEADLINE_SECONDS", 2.0, 0.01, 60),
        )


def create_app(settings: Settings | None = None, store: Store | None = None) -> APIFlask:
    """The catalogue's application; ``store`` takes the place of PostgreSQL."""
    settings = settings or Settings.from_environment()
    store = store or PostgresStore(settings.database, settings.store_seconds)
    app = new_app(
        "catalogue",
        "Catalogue",
        token=settings.token,
        public=False,
        deadline_seconds=settings.deadline_seconds,
        needs={"postgresql": store.check},
    )
    app.register_blueprint(blueprint(store))
    return app
