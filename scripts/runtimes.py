"""Where a release of ``scripts/deploy.py`` runs: as processes of this machine, or as containers under compose.

Both build a release, start it and take it down. A service is started with what a child may see of this process' environment
(``companion.processes.environment``); the docker client, which is the reader's own program, with all of it: it has to find
the engine and to log in where images lie.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from companion import checkout
from companion.processes import gunicorn, wait
from companion.processes.server import Server, status
from companion.workspace import root

CHECKOUT = checkout.folder()
CONTEXT = Path(os.environ.get("CONTEXT") or CHECKOUT / "docker")
STATE = Path(os.environ.get("STATE") or root() / "deploy")
SERVICES = (os.environ.get("SERVICES") or "nlp_service model_server").split()
READY_SECONDS = 90
#: what of the context goes into a service's image, as its Dockerfile says
PARTS = ("serving/*.py", "serving/requirements.txt", "{0}/service.py", "{0}/Dockerfile", "{0}/model/*")


class QualityGateError(Exception):
    """The release is not good enough; the message says why."""


class Missing(Exception):
    """This machine lacks something; the message says what and how to get it."""


def parts(service: str) -> list[Path]:
    """The files that make a service, in a fixed order."""
    found = sorted({path for part in PARTS for path in CONTEXT.glob(part.format(service)) if path.is_file()})
    names = {path.name for path in found}
    if "service.py" not in names:
        raise Missing(f"no service {service!r} in {CONTEXT}: there is no service.py")
    return found


@contextmanager
def _gate() -> Iterator[None]:
    """A service that does not come up is a release that is not good enough."""
    try:
        yield
    except wait.WaitError as error:
        raise QualityGateError(str(error)) from error


class Processes:
    """The applications as processes of this machine, for as long as a smoke test takes."""

    def build(self, tag: str) -> None:
        release = STATE / "releases" / tag
        draft = STATE / "releases" / f".{tag}.{os.getpid()}"
        for service in SERVICES:
            for path in parts(service):
                inside = path.relative_to(CONTEXT).as_posix().removeprefix(f"{service}/")
                (draft / service / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, draft / service / inside)
        if release.exists():
            same = self.digest(release) == self.digest(draft)
            shutil.rmtree(draft)
            if not same:
                raise QualityGateError(
                    f"release {tag} exists with other content. A release is never changed: choose another TAG."
                )
        else:
            draft.rename(release)
        print(f"release {tag}: {', '.join(SERVICES)}")

    def digest(self, folder: Path) -> str:
        digest = hashlib.sha256()
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()

    def require(self, tag: str) -> None:
        if not (STATE / "releases" / tag).is_dir():
            raise Missing(f"there is no release {tag}: run `make images` first")

    def up(self, where: str, tag: str) -> None:
        self.require(tag)

    @contextmanager
    def running(self, where: str, tag: str, service: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Start the service of a release; its address and manifest."""
        self.up(where, tag)
        folder, url = STATE / "releases" / tag / service, gunicorn.free_url()
        scratch = STATE / f"run-{where}-{service}-{url.rpartition(':')[2]}"
        scratch.mkdir(parents=True)
        log = STATE / f"{service}.log"
        log.write_bytes(b"")
        server = gunicorn.start(
            "service:create_app()",
            url,
            log=log,
            config="python:serving.gunicorn_conf",
            folder=folder,
            removed=scratch,
            variables={
                "PYTHONPATH": str(folder),
                "SERVICE_WORKERS": "1",
                "SERVICE_DRAIN_SECONDS": "0",
                "TMPDIR": str(scratch),
            },
        )
        try:
            self.wait_until_ready(server, url, service)
            yield url, json.loads((folder / "model" / "manifest.json").read_text(encoding="utf-8"))
        finally:
            server.stop()

    def wait_until_ready(self, server: Server, url: str, service: str) -> None:
        with _gate():
            wait.until(
                lambda: server.process.poll() is None and status(f"{url}/readyz") == 200,
                READY_SECONDS,
                f"{service} did not become ready",
                over=lambda: None if server.process.poll() is None else "",
                detail=lambda: wait.telling_line(server.said()),
                pause=0.1,
            )

    def down(self, where: str) -> None:
        pass


class Containers:
    """Images and compose; one compose project for staging and one for production."""

    def __init__(self) -> None:
        if shutil.which("docker") is None or self.run("docker", "version", quiet=True, check=False):
            raise Missing(
                "no Docker engine answers. Debian: apt-get install docker.io, and start dockerd; or set DOCKER_HOST. "
                "Without one, TARGET=process runs the same applications as processes of this machine."
            )
        has_plugin = self.run("docker", "compose", "version", quiet=True, check=False) == 0
        self.compose_command = ["docker", "compose"] if has_plugin else ["docker-compose"]
        if not has_plugin and shutil.which("docker-compose") is None:
            raise Missing("no compose: install the docker compose plugin, or Debian's docker-compose")

    def run(self, *command: str, quiet: bool = False, check: bool = True, env: Mapping[str, str] | None = None) -> int:
        output = subprocess.DEVNULL if quiet else None
        code = subprocess.run(command, stdout=output, stderr=output, env=env).returncode
        if check and code:
            raise QualityGateError(f"{' '.join(command[:3])} ended with exit code {code}")
        return code

    def read(self, *command: str, env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        if done.returncode:
            raise QualityGateError(f"{' '.join(command[:4])}: {done.stderr.strip()[-400:]}")
        return done.stdout.strip()

    def image(self, service: str, tag: str) -> str:
        return f"companion/{service}:{tag}"

    def build(self, tag: str) -> None:
        for service in SERVICES:
            options = ["--build-arg", f"BASE_IMAGE={os.environ['BASE_IMAGE']}"] if os.environ.get("BASE_IMAGE") else []
            dockerfile = str(CONTEXT / service / "Dockerfile")
            self.run("docker", "build", "-q", "-f", dockerfile, "-t", self.image(service, tag), *options, str(CONTEXT))
            print(f"image {self.image(service, tag)}", flush=True)

    def compose(self, where: str, tag: str) -> tuple[list[str], dict[str, str]]:
        file = str(CHECKOUT / "jenkins" / "staging.yaml")
        return [*self.compose_command, "-p", f"companion-{where}", "-f", file], {**os.environ, "TAG": tag}

    def require(self, tag: str) -> None:
        for service in SERVICES:
            if self.run("docker", "image", "inspect", self.image(service, tag), quiet=True, check=False):
                raise Missing(f"there is no image {self.image(service, tag)}: run `make images` first")

    def refuse_others(self, where: str) -> None:
        """Raise Missing when the compose project of that name is another checkout's, or somebody's own."""
        of_project = f"label=com.docker.compose.project=companion-{where}"
        place = '{{.Name}} {{index .Config.Labels "com.docker.compose.project.working_dir"}}'
        for container in self.read("docker", "ps", "-aq", "--filter", of_project).split():
            name, _, folder = self.read("docker", "inspect", "-f", place, container).partition(" ")
            if Path(folder) != CHECKOUT / "jenkins":
                raise Missing(
                    f"the compose project companion-{where} was not started from here ({name.lstrip('/')} is of it): "
                    "nothing was done. End it where it belongs, or use another engine (DOCKER_HOST)."
                )

    def up(self, where: str, tag: str) -> None:
        self.require(tag)
        self.refuse_others(where)
        command, env = self.compose(where, tag)
        self.run(*command, "up", "-d", "--remove-orphans", *SERVICES, env=env)

    @contextmanager
    def running(self, where: str, tag: str, service: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The address of a service that compose has started, and the manifest within its image."""
        command, env = self.compose(where, tag)
        restarts = 0

        def ready() -> tuple[str, str] | None:
            nonlocal restarts
            container = self.read(*command, "ps", "-q", service, env=env)
            found = self.read("docker", "inspect", "-f", "{{.RestartCount}} {{json .NetworkSettings.Ports}}", container)
            restarts, ports = int(found.split()[0]), json.loads(found.partition(" ")[2] or "{}") or {}
            if not (published := ports.get("8000/tcp")):  # none while it restarts
                return None
            url = f"http://127.0.0.1:{published[0]['HostPort']}"
            return (container, url) if status(f"{url}/readyz") == 200 else None

        def log() -> str:
            return self.read(*command, "logs", "--no-color", "--tail", "40", service, env=env)

        with _gate():
            container, url = wait.until(
                ready,
                READY_SECONDS,
                f"{service} did not become ready",
                over=lambda: "" if restarts >= 3 else None,
                detail=lambda: wait.telling_line(log()),
                pause=0.3,
            )
        script = "print(open('model/manifest.json').read())"
        yield url, json.loads(self.read("docker", "exec", container, "python", "-c", script))

    def down(self, where: str) -> None:
        self.refuse_others(where)
        command, env = self.compose(where, "none")
        self.run(*command, "down", "--remove-orphans", env=env)
