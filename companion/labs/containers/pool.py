"""A pool of replicas of ``recommender.shops``: containers where a Docker engine answers, processes of this machine otherwise.

Both run the same code from ``docker/recommender``, read the same folder of models, and take the same settings. What the
processes lack is the box: they see this machine's files, and nothing limits their memory.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from companion import checkout
from companion.engines import docker as docker_engine
from companion.errors import EngineUnavailable
from companion.labs.containers import builds
from companion.processes import supervised, wait
from companion.processes.server import password
from companion.workspace import workspace

APPLICATION = "recommender.shops:create_app()"
CONFIG = "python:recommender.gunicorn_conf"
MEMORY = 256 * 2**20
_START_SECONDS = 60.0
_END_SECONDS = 20.0


class Replica:
    """One process or container of the pool.

    Attributes:
        name: its place in the pool; a successor may have the same.
        url: where it listens, on loopback.
    """

    def __init__(self, name: str, inner: Any, url: str):
        self.name, self.url, self._inner = name, url, inner

    def counts(self) -> dict[str, int]:
        """What it has counted: ``hits``, ``misses``, ``loads``, ``evictions``, ``limited``, ``degraded``."""
        import requests

        text = requests.get(f"{self.url}/metrics", timeout=10).text
        found = re.findall(r"^shops_(?:cache_|model_)?(\w+)_total (\S+)$", text, re.MULTILINE)
        return {name: round(float(value)) for name, value in found}

    def is_ready(self) -> bool:
        """Whether it wants traffic."""
        import requests

        try:
            return requests.get(f"{self.url}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    def until_ready(self, patience: float = _START_SECONDS) -> None:
        """Wait for it; EngineUnavailable with the end of its log when it does not come."""
        wait.until(
            self.is_ready,
            patience,
            f"the replica {self.name} did not get ready",
            over=lambda: None if self._running() else "it has ended",
            detail=lambda: wait.telling_line(self._inner.logs().decode(errors="replace")),
            pause=0.1,
        )

    def kill(self) -> None:
        """SIGKILL to all of it, and wait until it is gone: nothing under way is finished."""
        if isinstance(self._inner, supervised.SupervisedProcess):
            self._inner.crash()
        else:
            self._inner.kill()
        self.until_ended()

    def drain(self) -> None:
        """SIGTERM: it says that it wants no more traffic, finishes what is under way, and ends; this does not wait for it."""
        self._inner.kill(signal="SIGTERM")

    def until_ended(self) -> None:
        """Wait until it has ended."""
        wait.until(lambda: not self._running(), _END_SECONDS, f"the replica {self.name} did not end", pause=0.1)

    def remove(self) -> None:
        """End it without ado; twice does nothing."""
        with contextlib.suppress(Exception):  # gone already, or the engine is
            self._inner.remove(force=True)

    def _running(self) -> bool:
        if not isinstance(self._inner, supervised.SupervisedProcess):
            import docker.errors

            try:
                self._inner.reload()
            except docker.errors.NotFound:
                return False
        return self._inner.status in ("created", "running", "restarting")


class Pool:
    """Starts replicas, and takes all of them down at its end.

    Args:
        models: the folder with the shops; containers see it read-only.
        stand_in: use processes, also where an engine answers.

    Attributes:
        token: what a caller has to show.
        why: why there are no containers; empty where there are.
    """

    def __init__(self, models: Path, *, stand_in: bool = False):
        self.token, self.why = password(), "asked for"
        self._models, self._folder = models, workspace("pool")
        self._started: list[Replica] = []
        self._engine: Any = None
        if not stand_in:
            try:
                self._connect()
            except EngineUnavailable as missing:
                self._disconnect()
                self.why = str(missing).partition(". ")[0]

    def __str__(self) -> str:
        return f"processes of this machine ({self.why})" if self._engine is None else "containers of a Docker engine"

    @property
    def headers(self) -> dict[str, str]:
        """What a request has to carry."""
        return {"Authorization": f"Bearer {self.token}"}

    def start(
        self, name: str, *, threads: int = 4, warm: Sequence[str] = (), ready: bool = True, **settings: float
    ) -> Replica:
        """One more replica.

        Args:
            threads: requests that it works on at the same time.
            warm: shops whose models it holds before it is ready.
            ready: wait until it is ready.
            settings: by their names in ``recommender.shops.Settings`` (``size=50``).

        Raises:
            EngineUnavailable: it did not get ready; the message has the reason.
        """
        environment = {
            "RECOMMENDER_TOKEN": self.token,
            "SERVICE_WORKERS": "1",
            "SERVICE_THREADS": str(threads),
            "SERVICE_DRAIN_SECONDS": "0.3",
            "SERVICE_LOG_LEVEL": "warning",
            "SHOPS_WARM": ",".join(warm),
            "PYTHONHASHSEED": str(len(self._started) + 1),  # another one in each: nothing may depend on it
            **{f"SHOPS_{key.upper()}": str(float(value)) for key, value in settings.items()},
        }
        run = self._process if self._engine is None else self._container
        replica = run(name, environment)
        self._started.append(replica)
        if ready:
            replica.until_ready()
        return replica

    def start_all(
        self, names: Sequence[str], warm: dict[str, Sequence[str]] | None = None, **options: Any
    ) -> list[Replica]:
        """Several at the same time, each with its own ``warm``; options as of :meth:`start`."""
        with ThreadPoolExecutor(len(names)) as together:
            return list(together.map(lambda name: self.start(name, warm=(warm or {}).get(name, ()), **options), names))

    def close(self) -> None:
        """End all replicas, and remove what the engine holds of them; twice does nothing."""
        with ThreadPoolExecutor(8) as together:
            list(together.map(Replica.remove, self._started))
        self._started.clear()
        self._disconnect()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _process(self, name: str, environment: dict[str, str]) -> Replica:
        process = supervised.run(
            self._folder / name,
            checkout.folder("docker/recommender"),
            application=APPLICATION,
            config=CONFIG,
            environment={"SHOPS_MODELS": str(self._models), **environment},
        )
        return Replica(name, process, process.url)

    def _container(self, name: str, environment: dict[str, str]) -> Replica:
        container = self._engine.containers.run(
            self._image, f"python -m gunicorn --config {CONFIG} {APPLICATION}", detach=True, init=True,
            labels=self._labels, environment={"SHOPS_MODELS": "/models", **environment},
            volumes={str(self._models): {"bind": "/models", "mode": "ro"}}, ports={"8000/tcp": ("127.0.0.1", None)},
            mem_limit=MEMORY, memswap_limit=MEMORY, read_only=True, tmpfs={"/tmp": "size=64m"}, cap_drop=["ALL"],  # noqa: S108
            security_opt=["no-new-privileges"], pids_limit=100, healthcheck={"test": ["NONE"]},
        )  # fmt: skip
        wait.until(lambda: _port(container), _START_SECONDS, f"the container {name} got no port")
        return Replica(name, container, f"http://127.0.0.1:{_port(container)}")

    def _connect(self) -> None:
        """Build the recommender's image, out of the engine's cache where `scripts/images.sh recommender` has filled it."""
        self._engine = docker_engine.connect()
        arguments = docker_engine.build_arguments(self._engine)
        self._labels = docker_engine.labels()
        log = self._engine.api.build(
            path=str(checkout.folder("docker")), dockerfile="recommender/Dockerfile", labels=self._labels,
            buildargs=arguments, rm=True, forcerm=True, decode=True,
        )  # fmt: skip
        self._image, self.why = builds.follow(log).id, ""
        # the user in the container is nobody on this machine
        for path in (self._models, *self._models.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def _disconnect(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            with contextlib.suppress(Exception):  # an engine that is gone holds nothing any more
                docker_engine.sweep(self._labels, engine)
            engine.close()


def _port(container: Any) -> str | None:
    container.reload()
    bound = container.ports.get("8000/tcp")
    return cast("str", bound[0]["HostPort"]) if bound else None
