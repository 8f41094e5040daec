"""The recommender of ``docker/recommender/`` as processes of this machine: three services, their engines, one token.

Each runs under gunicorn on loopback and a free port, with a supervisor that starts it again when it dies, and all of it dies
with this kernel. The image of ``docker/recommender/Dockerfile`` runs the same code.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING

from companion import checkout, this_run
from companion.engines import guest, postgres, redis
from companion.errors import SettingError
from companion.processes import supervised, wait
from companion.processes.server import password
from companion.processes.supervised import SupervisedProcess
from companion.workspace import workspace

if TYPE_CHECKING:
    import pandas as pd
    import psycopg
    from redis import Redis

NAMES = ("catalogue", "features", "ranking")
_START_SECONDS = 60.0
_systems = itertools.count(1)


def products(goods: pd.DataFrame, events: pd.DataFrame) -> list[tuple[int, str, int, int]]:
    """The catalogue's rows (product, title, aisle, units) of a shop (see ``companion.datasets.shop``).

    Args:
        goods: with ``product`` and ``aisle``.
        events: with ``product``; units are how many of them a product has.
    """
    units = events["product"].value_counts()
    return [
        (int(p), f"Product {p} of aisle {a}", int(a), int(units.get(p, 0)))
        for p, a in zip(goods["product"], goods["aisle"], strict=True)
    ]


def history(goods: pd.DataFrame, events: pd.DataFrame) -> list[tuple[int, int]]:
    """What happened, as (customer, aisle) of each event; arguments as in :func:`products`, events also with ``customer``."""
    aisle = goods.set_index("product")["aisle"].loc[events["product"]]
    return list(zip(events["customer"].tolist(), aisle.tolist(), strict=True))


class Recommender:
    """The three services, running. ``start`` them with :func:`recommender`.

    Attributes:
        catalogue, features, ranking: each a :class:`companion.processes.supervised.SupervisedProcess`, with its ``url``.
        token: what the services show each other.
        database, store: the engines' own clients, as the owner of each; the search path leads to the schema.
        schema, prefix: the catalogue's schema, and how the keys of the features begin; both are this run's own.
    """

    catalogue: SupervisedProcess
    features: SupervisedProcess
    ranking: SupervisedProcess

    def __init__(self, database: psycopg.Connection, store: Redis):
        self.database, self.store, self.token = database, store, password()
        self._sessions = password()
        self.folder = workspace("services")
        self.folder.chmod(0o700)
        self.schema = self.prefix = "none yet"
        self._running: list[SupervisedProcess] = []
        self._addresses: dict[str, str] = {}

    def start(
        self,
        name: str,
        *,
        workers: int = 1,
        threads: int = 4,
        restart: bool = True,
        worker: str = "",
        addresses: Mapping[str, str] | None = None,
        **settings: float,
    ) -> SupervisedProcess:
        """Start one more instance of a service, and wait until it is ready.

        Args:
            name: one of ``NAMES``.
            workers, threads: of gunicorn.
            restart: start it again when it dies.
            worker: gunicorn's class of worker, such as ``gthread``; by default the services' own.
            addresses: other ones than the neighbours' own, by variable (``CATALOGUE_URL``).
            settings: by their names in the service's ``Settings`` (``cooldown=0.5``).

        Raises:
            SettingError: there is no such service.
            EngineUnavailable: it did not get ready; the message has the end of its log.
        """
        more = {**({"SERVICE_WORKER_CLASS": worker} if worker else {}), **(addresses or {})}
        service = self._launch(name, workers, threads, restart, settings, more)
        _wait_until_ready(name, service)
        return service

    def environment(self, name: str) -> dict[str, str]:
        """What a service is told: the addresses that are its own to know, and the token. Secrets: for no output."""
        known = {"catalogue": ["CATALOGUE_DATABASE_URL"], "features": ["FEATURES_REDIS_URL"]}
        variables = known.get(name, ["CATALOGUE_URL", "FEATURES_URL"])
        sessions = {} if name in known else {"RANKING_SESSIONS_KEY": self._sessions}
        return {"RECOMMENDER_TOKEN": self.token, **sessions, **{v: self._addresses[v] for v in variables}}

    def session(self, customer: int, seconds: float = 3600.0) -> dict[str, str]:
        """The header that a customer's page sends after the shop's login, which this stands for."""
        from recommender.common.identity import issue

        return {"Authorization": f"Bearer {issue(self._sessions, customer, seconds)}"}

    def log(self) -> list[dict]:
        """The JSON lines of all services: requests, and spans in the order in which they began."""
        lines = [line for service in self._running for line in service.logs().decode(errors="replace").splitlines()]
        found = [json.loads(line) for line in lines if line.startswith('{"log": ') and line.endswith("}")]
        return sorted(found, key=lambda line: line.get("start", 0.0))

    def _launch(
        self,
        name: str,
        workers: int,
        threads: int,
        restart: bool,
        settings: dict[str, float],
        more: Mapping[str, str] | None = None,
    ) -> SupervisedProcess:
        if name not in NAMES:
            raise SettingError(f"there is no service {name!r}; there are {', '.join(NAMES)}")
        service = supervised.run(
            self.folder / name,
            checkout.folder("docker/recommender"),
            restart=restart,
            application=f"recommender.{name}:create_app()",
            config="python:recommender.gunicorn_conf",
            environment={
                "SERVICE_WORKERS": str(workers),
                "SERVICE_THREADS": str(threads),
                "SERVICE_DRAIN_SECONDS": "1",
                "SERVICE_LOG_LEVEL": "warning",
                "SERVICE_ACCESS_LOG": str(self.folder / f"{name}-{len(self._running)}.access.log"),
                "FEATURES_PREFIX": self.prefix,
                **self.environment(name),
                **{f"{name.upper()}_{key.upper()}": str(float(value)) for key, value in settings.items()},
                **(more or {}),
            },
        )
        self._running.append(service)
        return service

    def _begin(
        self, rows: Iterable[tuple[int, str, int, int]], history: Iterable[tuple[int, int]], workers: int, ranking: dict
    ) -> None:
        self._fill(rows, history)
        # all at once: none of them needs another to start
        self.catalogue = self._launch("catalogue", workers, 4, True, {})
        self.features = self._launch("features", workers, 4, True, {})
        self._addresses |= {"CATALOGUE_URL": self.catalogue.url, "FEATURES_URL": self.features.url}
        self.ranking = self._launch("ranking", workers, 4, True, ranking)
        for name, service in zip(NAMES, (self.catalogue, self.features, self.ranking), strict=True):
            _wait_until_ready(name, service)

    def _fill(self, rows: Iterable[tuple[int, str, int, int]], history: Iterable[tuple[int, int]]) -> None:
        """Bring the data: under names of this run, since the servers may be the reader's own."""
        from recommender.catalogue.load import load
        from recommender.features.store import RedisStore

        number, secret = next(_systems), password()
        self.schema = guest.schema(self.database, f"catalogue_{number}", roles=[f"catalogue_{number}"])
        self.prefix = guest.prefix(self.store, f"features_{number}")
        role = this_run.name(f"catalogue_{number}")
        load(self.database, rows, secret, role, self.schema)
        info = self.database.info
        host = f"[{info.host}]" if ":" in info.host else info.host
        self._addresses["CATALOGUE_DATABASE_URL"] = f"postgresql://{role}:{secret}@{host}:{info.port}/{info.dbname}"
        self._addresses["FEATURES_REDIS_URL"] = _address(self.store)
        RedisStore(self._addresses["FEATURES_REDIS_URL"], 10, 1, 1, self.prefix).fill(history)

    def stop(self) -> None:
        """End the services, take their data away, and end the engines that were started for them; twice does nothing."""
        import psycopg
        from redis import RedisError

        with ThreadPoolExecutor(8) as together:
            list(together.map(SupervisedProcess.remove, self._running))
        self._running.clear()
        # an engine that is gone has taken them along
        with contextlib.suppress(psycopg.Error):
            guest.leave(self.database, self.schema)
        with contextlib.suppress(RedisError):
            guest.leave(self.store, self.prefix)
        self.database.close()
        self.store.close()

    def __enter__(self) -> Recommender:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def recommender(
    rows: Iterable[tuple[int, str, int, int]],
    history: Iterable[tuple[int, int]] = (),
    *,
    workers: int = 1,
    **ranking: float,
) -> Recommender:
    """Start PostgreSQL, Redis and the three services: usable as it is, or in a ``with`` block that stops them at its end.

    Args:
        rows: the catalogue, as (product, title, aisle, units).
        history: what happened before, as (customer, aisle).
        workers: gunicorn processes of each service.
        ranking: settings of the ranking, by their names in its ``Settings`` (``cooldown=0.5``).

    Raises:
        EngineUnavailable: an engine or a service did not start; the message says why.
    """
    with contextlib.ExitStack() as undo:
        database = postgres.connect(autocommit=True)
        undo.callback(database.close)
        store = redis.connect()
        undo.callback(store.close)
        system = Recommender(database, store)
        undo.callback(system.stop)
        system._begin(rows, history, workers, ranking)
        undo.pop_all()
    return system


def _address(client: Redis) -> str:
    """Where a client is connected to, with its password; for a variable of a service, never for an output."""
    from urllib.parse import quote

    kept = client.connection_pool.connection_kwargs
    scheme = "rediss" if "ssl" in client.connection_pool.connection_class.__name__.lower() else "redis"
    who = f"{quote(kept.get('username') or '', safe='')}:{quote(kept.get('password') or '', safe='')}@"
    return f"{scheme}://{who}{kept.get('host', 'localhost')}:{kept.get('port', 6379)}/{kept.get('db') or 0}"


def _wait_until_ready(name: str, service: SupervisedProcess) -> None:
    import requests

    why = ""

    def ready() -> bool:
        nonlocal why
        try:
            reply = requests.get(f"{service.url}/readyz", timeout=2)
            why = "" if reply.ok else reply.json().get("detail", "")
        except (requests.RequestException, ValueError):
            return False
        return reply.ok

    def known() -> str:
        return why or wait.telling_line(service.logs().decode(errors="replace"))

    try:
        wait.until(
            ready,
            _START_SECONDS,
            f"the service {name} did not get ready",
            over=lambda: "it ends again and again" if service.restarts >= 2 else None,
            detail=known,
        )
    except wait.WaitError:
        service.remove()
        raise
