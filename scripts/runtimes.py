"""Where a release of ``scripts/deploy.py`` runs: as processes of this machine, or as containers under compose.

Both build a release, start it and take it down; what runs is a machine's business (``scripts/machine.py``, or dockerd), not that of
the command that asked for it. A service is started with what a child may see of this process' environment
(``companion.processes.environment``); the docker client, which is the reader's own program, with all of it: it has to find
the engine and to log in where images lie.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

from companion import checkout
from companion.processes import wait
from companion.processes.server import status
from companion.workspace import root

CHECKOUT = checkout.folder()
CONTEXT = Path(os.environ.get("CONTEXT") or CHECKOUT / "docker")
STATE = Path(os.environ.get("STATE") or root() / "deploy")
SERVICES = (os.environ.get("SERVICES") or "nlp_service model_server").split()
READY_SECONDS = 90
#: of an image: the SHA-256 of all that went into it
LABEL = "companion.content"
#: what of the context goes into a service's image, as its Dockerfile says
PARTS = ("serving/*.py", "serving/requirements.txt", "{0}/service.py", "{0}/Dockerfile", "{0}/model/*")


class QualityGateError(Exception):
    """The release is not good enough; the message says why."""


class Missing(Exception):
    """This machine lacks something; the message says what and how to get it."""


def other_content(name: str) -> str:
    return f"{name} exists with other content. A release is never changed: choose another TAG."


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
    """Releases are folders, and run as processes of ``scripts/machine.py``."""

    def base(self, service: str) -> str:
        """What a release is built on: nothing, the interpreter is the machine's."""
        return ""

    def build(self, tag: str, content: str) -> None:
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
                raise QualityGateError(other_content(f"release {tag}"))
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

    def ask(self, *question: object) -> Any:
        """What the machine answers."""
        try:
            known = json.loads((STATE / "machine.json").read_text(encoding="utf-8"))
            with Client(("127.0.0.1", known["port"]), authkey=bytes.fromhex(known["key"])) as line:
                line.send(question)
                fine, answer = line.recv()
        except (OSError, EOFError, AuthenticationError) as error:
            raise Missing(
                f"no machine runs for {STATE}: start one beside this, with the same STATE, by `make machine`. "
                "(A pipeline can't start it: what a build leaves running is killed.)"
            ) from error
        if not fine:
            raise QualityGateError(f"the machine could not: {answer}")
        return answer

    def up(self, where: str, tag: str) -> None:
        """Production keeps what serves until the new release is ready; a trial is replaced at once."""
        self.require(tag)
        if refusal := self.ask("up", where, tag, SERVICES, where == "production"):
            raise QualityGateError(refusal)

    def address(self, where: str, tag: str, service: str) -> tuple[str, dict[str, Any]]:
        """The address of a service of a place, once it is ready, and the manifest of its release."""
        url, reason = self.ask("ready", where, service)
        if url is None:
            raise QualityGateError(reason)
        manifest = STATE / "releases" / tag / service / "model" / "manifest.json"
        return url, json.loads(manifest.read_text(encoding="utf-8"))

    def addresses(self, where: str) -> dict[str, str]:
        """Where the services of a place are asked."""
        return dict(self.ask("addresses").get(where, {}))

    def down(self, where: str) -> None:
        self.ask("down", where)


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

    def base(self, service: str) -> str:
        """The image that a service is built on, by its name and by what that name means here today."""
        dockerfile = (CONTEXT / service / "Dockerfile").read_text(encoding="utf-8")
        default = re.search(r"^ARG BASE_IMAGE=(\S+)", dockerfile, re.MULTILINE)
        name = os.environ.get("BASE_IMAGE") or (default[1] if default else "")
        if not name:
            raise Missing(f"{service}/Dockerfile names no BASE_IMAGE")
        look = ("docker", "image", "inspect", "-f", "{{.Id}}", name)
        if self.run(*look, quiet=True, check=False):
            self.run("docker", "pull", "-q", name)
        return f"{name} {self.read(*look)}"

    def content(self, image: str) -> str | None:
        """What an image says that it was made of; None where there is no such image."""
        found = f'{{{{index .Config.Labels "{LABEL}"}}}}'
        if self.run("docker", "image", "inspect", image, quiet=True, check=False):
            return None
        return self.read("docker", "image", "inspect", "-f", found, image)

    def build(self, tag: str, content: str) -> None:
        known = {service: self.content(self.image(service, tag)) for service in SERVICES}
        for service, there in known.items():
            if there not in (None, content):
                raise QualityGateError(other_content(f"image {self.image(service, tag)}"))
        for service, there in known.items():
            base = self.base(service).partition(" ")[0]
            options = ["--label", f"{LABEL}={content}", "--build-arg", f"BASE_IMAGE={base}"]
            dockerfile = str(CONTEXT / service / "Dockerfile")
            if there is None:
                self.run(
                    "docker", "build", "-q", "-f", dockerfile, "-t", self.image(service, tag), *options, str(CONTEXT)
                )
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

    def address(self, where: str, tag: str, service: str) -> tuple[str, dict[str, Any]]:
        """The address of a service that compose has started, once it is ready, and the manifest within its image."""
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
        return url, json.loads(self.read("docker", "exec", container, "python", "-c", script))

    def addresses(self, where: str) -> dict[str, str]:
        """Where the services of a place are asked."""
        self.refuse_others(where)
        found = {}
        for service in SERVICES:
            project, named = (
                f"label=com.docker.compose.project=companion-{where}",
                f"label=com.docker.compose.service={service}",
            )
            for container in self.read("docker", "ps", "-q", "--filter", project, "--filter", named).split():
                ports = (
                    json.loads(self.read("docker", "inspect", "-f", "{{json .NetworkSettings.Ports}}", container)) or {}
                )
                if published := ports.get("8000/tcp"):
                    found[service] = f"http://127.0.0.1:{published[0]['HostPort']}"
        return found

    def down(self, where: str) -> None:
        self.refuse_others(where)
        command, env = self.compose(where, "none")
        self.run(*command, "down", "--remove-orphans", env=env)
