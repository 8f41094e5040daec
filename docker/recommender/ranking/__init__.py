"""The ranking: the edge that the shop asks. Owns no data; ``recommender.ranking:create_app()`` is what gunicorn runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from apiflask import APIFlask
from recommender.common.app import new_app
from recommender.common.client import RESERVE_SECONDS, Neighbour
from recommender.common.resilience import CircuitBreaker, RetryBudget
from recommender.common.settings import Environment, SettingsError
from recommender.ranking.api import blueprint, internal
from recommender.ranking.neighbours import Upstreams


@dataclass(frozen=True)
class Settings:
    """Of the ranking.

    Attributes:
        catalogue, features: addresses of the neighbours.
        read_seconds: the longest that it waits for one answer of a neighbour.
        deadline_seconds: the longest that a request may take altogether.
        threshold, cooldown: of the circuit breakers.
        retry_share: how much load retries may add.
        parallel: ask both neighbours at the same time.
        sessions: the key with which the shop's login signs its customers' sessions.
        trace_share: how many of the requests are traced.
        stale_seconds: how old the catalogue's last answer may be when it has to do.
    """

    catalogue: str
    features: str
    token: str = field(repr=False)
    sessions: str = field(repr=False)
    read_seconds: float = 0.3
    deadline_seconds: float = 0.8
    threshold: int = 5
    cooldown: float = 1.0
    retry_share: float = 0.1
    parallel: bool = False
    trace_share: float = 0.01
    stale_seconds: float = 3600.0

    def __post_init__(self) -> None:
        if self.read_seconds + RESERVE_SECONDS > self.deadline_seconds:
            # no neighbour would ever get what it is due, and so none could ever be blamed
            raise SettingsError("RANKING_DEADLINE_SECONDS must leave time for RANKING_READ_SECONDS")

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Settings:
        """``CATALOGUE_URL``, ``FEATURES_URL``, ``RECOMMENDER_TOKEN``, ``RANKING_SESSIONS_KEY``, and ``RANKING_`` with each of the others in capitals."""
        env = environment or Environment()
        return cls(
            catalogue=env.address("CATALOGUE_URL", "http", "https"),
            features=env.address("FEATURES_URL", "http", "https"),
            token=env.token(),
            sessions=env.token("RANKING_SESSIONS_KEY"),
            read_seconds=env.number("RANKING_READ_SECONDS", 0.3, 0.01, 60),
            deadline_seconds=env.number("RANKING_DEADLINE_SECONDS", 0.8, 0.01, 60),
            threshold=int(env.number("RANKING_THRESHOLD", 5, 1, 1000)),
            cooldown=env.number("RANKING_COOLDOWN", 1.0, 0.01, 3600),
            retry_share=env.number("RANKING_RETRY_SHARE", 0.1, 0, 1),
            parallel=bool(env.number("RANKING_PARALLEL", 0, 0, 1)),
            trace_share=env.number("RANKING_TRACE_SHARE", 0.01, 0, 1),
            stale_seconds=env.number("RANKING_STALE_SECONDS", 3600, 0, 1e6),
        )


def create_app(settings: Settings | None = None, upstreams: Upstreams | None = None) -> APIFlask:
    """The application of the ranking; ``upstreams`` takes the place of the neighbours."""
    settings = settings or Settings.from_environment()

    def neighbour(name: str, url: str) -> Neighbour:
        return Neighbour(
            name,
            url,
            settings.token,
            read_seconds=settings.read_seconds,
            breaker=CircuitBreaker(settings.threshold, settings.cooldown),
            budget=RetryBudget(settings.retry_share),
        )

    if upstreams is None:
        catalogue, features = neighbour("catalogue", settings.catalogue), neighbour("features", settings.features)
        upstreams = Upstreams(catalogue, features, settings.parallel, settings.stale_seconds)
    app = new_app(
        "ranking",
        "Ranking",
        token=settings.token,
        public=True,
        deadline_seconds=settings.deadline_seconds,
        sessions=settings.sessions,
        trace_share=settings.trace_share,
        needs={},
        # it works without them, somehow: were it unready whenever one of them is, one outage would be three
        knows=lambda: {n.name: f"breaker {n.breaker.state}" for n in (upstreams.catalogue, upstreams.features)},
    )
    app.register_blueprint(blueprint(upstreams))
    app.register_blueprint(internal(upstreams))
    return app
