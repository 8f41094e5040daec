"""The features: what customers did. Owns its Redis keys; ``recommender.features:create_app()`` is what gunicorn runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from apiflask import APIFlask
from recommender.common.app import new_app
from recommender.common.settings import Environment
from recommender.features.api import blueprint
from recommender.features.store import PREFIX, RedisStore, Store


@dataclass(frozen=True)
class Settings:
    """Of the features.

    Attributes:
        redis: its own address of Redis, with the password.
        token: what the services show each other.
        store_seconds: the longest that Redis may take.
        rate, burst: events a second that a customer may send for long, and at once.
        prefix: how all of its keys begin.
    """

    redis: str = field(repr=False)
    token: str = field(repr=False)
    store_seconds: float = 0.25
    deadline_seconds: float = 2.0
    rate: float = 5.0
    burst: int = 20
    prefix: str = PREFIX

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Settings:
        """``FEATURES_REDIS_URL``, ``RECOMMENDER_TOKEN``, and ``FEATURES_`` with each of the others in capitals."""
        env = environment or Environment()
        return cls(
            redis=env.address("FEATURES_REDIS_URL", "redis", "rediss"),
            token=env.token(),
            store_seconds=env.number("FEATURES_STORE_SECONDS", 0.25, 0.01, 60),
            deadline_seconds=env.number("FEATURES_DEADLINE_SECONDS", 2.0, 0.01, 60),
            rate=env.number("FEATURES_RATE", 5.0, 0.01, 1e6),
            burst=int(env.number("FEATURES_BURST", 20, 1, 1e6)),
            prefix=env.text("FEATURES_PREFIX", PREFIX),
        )


def create_app(settings: Settings | None = None, store: Store | None = None) -> APIFlask:
    """The application of the features; ``store`` takes the place of Redis."""
    settings = settings or Settings.from_environment()
    store = store or RedisStore(settings.redis, settings.store_seconds, settings.rate, settings.burst, settings.prefix)
    app = new_app(
        "features",
        "Features",
        token=settings.token,
        public=False,
        deadline_seconds=settings.deadline_seconds,
        needs={"redis": store.check},
    )
    app.register_blueprint(blueprint(store))
    return app
