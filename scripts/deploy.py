"""The pipeline's last stages, each of which also runs by hand: pack the services, put them on trial, ask them, go live, go back.

usage: python scripts/deploy.py images | staging | smoke | promote | rollback | status | down

A release is named by its tag and never changed. What runs where is one small file; going back is going to the tag before.
Settings, all from the environment:
  TARGET      docker (default): images, run by compose from jenkins/staging.yaml. process: the same applications as
              processes of this machine, for where there is no Docker engine; a smoke test starts and ends them.
  TAG         the release; by default the first 12 digits of the SHA-256 over everything that goes into it
  SERVICES    by default "nlp_service model_server"
  CONTEXT     the folder with the services, by default docker/
  STATE       where the releases and the file of what runs where are, by default .workspace/deploy
  BASE_IMAGE  for docker, by default what the Dockerfiles say
Exit code 0 well, 1 a release was found wanting, 2 a wrong call, 3 something is missing on this machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from companion import checkout
from companion.processes.server import Server, free_port
from companion.workspace import root

CHECKOUT = checkout.folder()
CONTEXT = Path(os.environ.get("CONTEXT") or CHECKOUT / "docker")
STATE = Path(os.environ.get("STATE") or root() / "deploy")
SERVICES = (os.environ.get("SERVICES") or "nlp_service model_server").split()
TARGET = os.environ.get("TARGET") or "docker"
READY_SECONDS = 90
#: what of the context goes into a service's image, as its Dockerfile says
PARTS = ("serving/*.py", "serving/requirements.txt", "{0}/service.py", "{0}/Dockerfile", "{0}/model/*")


class Wanting(Exception):
    """The release is not good enough; the message says why."""


class Missing(Exception):
    """This machine lacks something; the message says what and how to get it."""


# what runs where


def read_state() -> dict:
    """``{"staging": {"tag": ..., "before": [...]}, "production": {...}, "passed": [tags that passed the smoke test]}``."""
    empty = {"staging": {"tag": None, "before": []}, "production": {"tag": None, "before": []}, "passed": []}
    path = STATE / "state.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else empty


def write_state(state: dict) -> None:
    """All or nothing: a crash leaves the old file."""
    STATE.mkdir(parents=True, exist_ok=True)
    draft = STATE / "state.json.draft"
    draft.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    draft.replace(STATE / "state.json")


def switch(state: dict, where: str, tag: str) -> None:
    """Note that ``tag`` runs there now, and what ran before."""
    place = state[where]
    if place["tag"] not in (None, tag):
        place["before"].append(place["tag"])
    place["tag"] = tag
    write_state(state)


# releases


def parts(service: str) -> list[Path]:
    """The files that make a service, in a fixed order."""
    found = sorted({path for part in PARTS for path in CONTEXT.glob(part.format(service)) if path.is_file()})
    names = {path.name for path in found}
    if "service.py" not in names:
        raise Missing(f"no service {service!r} in {CONTEXT}: there is no service.py")
    return found


def train_missing_models() -> None:
    """The models are part of a release; train those that are not there yet."""
    for service in SERVICES:
        if not (CONTEXT / service / "model" / "manifest.json").is_file() and (CONTEXT / service / "train.py").is_file():
            print(f"{service}: training its model", flush=True)
            subprocess.run([sys.executable, str(CONTEXT / service / "train.py")], check=True)


def content_tag() -> str:
    """The name that the content itself gives a release."""
    digest = hashlib.sha256()
    for service in SERVICES:
        for path in parts(service):
            digest.update(f"{path.relative_to(CONTEXT).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def current_tag() -> str:
    return os.environ.get("TAG") or content_tag()


# TARGET=process: a release is a folder


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
                raise Wanting(
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
    def running(self, where: str, tag: str, service: str) -> Iterator[tuple[str, dict]]:
        """Start the service of a release; its address and manifest."""
        self.up(where, tag)
        folder, port = STATE / "releases" / tag / service, free_port()
        scratch = STATE / f"run-{where}-{service}-{port}"
        scratch.mkdir(parents=True)
        env = {
            **os.environ,
            "PYTHONPATH": str(folder),
            "SERVICE_BIND": f"127.0.0.1:{port}",
            "SERVICE_WORKERS": "1",
            "SERVICE_DRAIN_SECONDS": "0",
            "TMPDIR": str(scratch),
        }
        gunicorn = ["-m", "gunicorn", "--chdir", str(folder), "--config", "python:serving.gunicorn_conf"]
        log = STATE / f"{service}.log"
        log.write_bytes(b"")
        server = Server([sys.executable, *gunicorn, "service:create_app()"], log=log, folder=scratch, env=env)
        try:
            url = f"http://127.0.0.1:{port}"
            self.wait(server, url, service, log)
            yield url, json.loads((folder / "model" / "manifest.json").read_text(encoding="utf-8"))
        finally:
            server.stop()

    def wait(self, server: Server, url: str, service: str, log: Path) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end and server.process.poll() is None:
            if status_of(f"{url}/readyz") == 200:
                return
            time.sleep(0.1)
        raise not_ready(service, log.read_text(errors="replace"))

    def down(self, where: str) -> None:
        pass


# TARGET=docker: a release is an image of each service


class Containers:
    """Images and compose; one compose project for staging and one for production."""

    def __init__(self):
        if shutil.which("docker") is None or self.run("docker", "version", quiet=True, check=False):
            raise Missing(
                "no Docker engine answers. Debian: apt-get install docker.io, and start dockerd; or set DOCKER_HOST. "
                "Without one, TARGET=process runs the same applications as processes of this machine."
            )
        has_plugin = self.run("docker", "compose", "version", quiet=True, check=False) == 0
        self.compose_command = ["docker", "compose"] if has_plugin else ["docker-compose"]
        if not has_plugin and shutil.which("docker-compose") is None:
            raise Missing("no compose: install the docker compose plugin, or Debian's docker-compose")

    def run(self, *command: str, quiet: bool = False, check: bool = True, env: dict | None = None) -> int:
        output = subprocess.DEVNULL if quiet else None
        code = subprocess.run(command, stdout=output, stderr=output, env=env).returncode
        if check and code:
            raise Wanting(f"{' '.join(command[:3])} ended with exit code {code}")
        return code

    def read(self, *command: str, env: dict | None = None) -> str:
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        if done.returncode:
            raise Wanting(f"{' '.join(command[:4])}: {done.stderr.strip()[-400:]}")
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

    def up(self, where: str, tag: str) -> None:
        self.require(tag)
        command, env = self.compose(where, tag)
        self.run(*command, "up", "-d", "--remove-orphans", *SERVICES, env=env)

    @contextmanager
    def running(self, where: str, tag: str, service: str) -> Iterator[tuple[str, dict]]:
        """The address of a service that compose has started, and the manifest within its image."""
        command, env = self.compose(where, tag)
        end, restarts = time.monotonic() + READY_SECONDS, 0
        while time.monotonic() < end and restarts < 3:
            container = self.read(*command, "ps", "-q", service, env=env)
            found = self.read("docker", "inspect", "-f", "{{.RestartCount}} {{json .NetworkSettings.Ports}}", container)
            restarts, ports = int(found.split()[0]), json.loads(found.partition(" ")[2] or "{}") or {}
            if published := ports.get("8000/tcp"):  # none while it restarts
                url = f"http://127.0.0.1:{published[0]['HostPort']}"
                if status_of(f"{url}/readyz") == 200:
                    script = "print(open('model/manifest.json').read())"
                    yield url, json.loads(self.read("docker", "exec", container, "python", "-c", script))
                    return
            time.sleep(0.3)
        raise not_ready(service, self.read(*command, "logs", "--no-color", "--tail", "40", service, env=env))

    def down(self, where: str) -> None:
        command, env = self.compose(where, "none")
        self.run(*command, "down", "--remove-orphans", env=env)


def target() -> Processes | Containers:
    if TARGET not in ("docker", "process"):
        raise Missing(f"TARGET is docker or process, not {TARGET!r}")
    return Containers() if TARGET == "docker" else Processes()


# questions to a running service


def status_of(url: str) -> int | None:
    """The status of an answer, None when there is none."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # noqa: S310  (http on loopback)
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def post(url: str, body: dict) -> tuple[int, dict]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, {}


def not_ready(service: str, log: str) -> Wanting:
    """The error of a service that does not come up, with the line of its log that says most."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    reason = next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "no output")
    return Wanting(f"{service} did not become ready: {reason}")


def question(url: str, service: str, manifest: dict) -> None:
    """Golden questions have known answers, and nonsense is refused."""
    golden = manifest["golden"]
    status, answer = post(f"{url}/predict", {"instances": [pair["instance"] for pair in golden]})
    if status != 200 or answer["predictions"] != [pair["prediction"] for pair in golden]:
        raise Wanting(
            f"{service} answers its golden questions with status {status} and other predictions than it should"
        )
    if answer["model_version"] != manifest["model_version"]:
        raise Wanting(
            f"{service} serves model {answer['model_version']}, its manifest says {manifest['model_version']}"
        )
    status, _ = post(f"{url}/predict", {"instances": "nonsense"})
    if not 400 <= status < 500:
        raise Wanting(f"{service} answers nonsense with status {status}")
    print(f"{service}: ready, {len(golden)} golden answers as they should be, nonsense refused", flush=True)


# the commands


def images(runtime: Processes | Containers) -> None:
    """Pack every service under the tag."""
    train_missing_models()
    runtime.build(current_tag())


def staging(runtime: Processes | Containers) -> None:
    """Put the release on trial."""
    tag = current_tag()
    runtime.require(tag)
    switch(read_state(), "staging", tag)  # noted first: what comes up only half can be gone back from
    runtime.up("staging", tag)
    print(f"staging: {tag}")


def smoke(runtime: Processes | Containers, where: str = "staging") -> None:
    """Ask what is on trial; a release that passes may go live."""
    state = read_state()
    tag = state[where]["tag"]
    if tag is None:
        raise Missing(f"nothing is in {where}: run `make staging` first")
    state["passed"] = [t for t in state["passed"] if t != tag]
    write_state(state)
    for service in SERVICES:
        with runtime.running(where, tag, service) as (url, manifest):
            question(url, service, manifest)
    state["passed"].append(tag)
    write_state(state)
    print(f"{where}: {tag} passed")


def promote(runtime: Processes | Containers) -> None:
    """Make live what is on trial, if it has passed."""
    state = read_state()
    tag = state["staging"]["tag"]
    if tag is None or tag not in state["passed"]:
        raise Wanting(f"release {tag} has not passed the smoke test: run `make smoke` first")
    try:
        runtime.up("production", tag)
    except Wanting:
        if before := state["production"]["tag"]:
            runtime.up("production", before)
        raise
    switch(state, "production", tag)
    print(f"production: {tag}")


def rollback(runtime: Processes | Containers) -> None:
    """Put the release before on trial again, and ask it; with none before, staging is taken down. What has passed stays."""
    state = read_state()
    place = state["staging"]
    if place["tag"] is None or place["tag"] in state["passed"]:
        print(f"staging: {place['tag'] or 'nothing'} stays, there is nothing to go back from")
        return
    failed, place["tag"] = place["tag"], place["before"].pop() if place["before"] else None
    if place["tag"] is None:
        runtime.down("staging")
        write_state(state)
        print(f"staging: {failed} is taken down, there is no release before it")
        return
    runtime.up("staging", place["tag"])
    write_state(state)
    print(f"staging: back from {failed} to {place['tag']}", flush=True)
    smoke(runtime)


def status() -> None:
    state = read_state()
    for where in ("staging", "production"):
        before = ", ".join(reversed(state[where]["before"])) or "none"
        print(f"{where:10}  {state[where]['tag'] or 'nothing':12}  before: {before}")


def down(runtime: Processes | Containers) -> None:
    """Stop everything and forget what ran; the releases stay."""
    for where in ("staging", "production"):
        runtime.down(where)
    (STATE / "state.json").unlink(missing_ok=True)


COMMANDS = {
    "images": images,
    "staging": staging,
    "smoke": smoke,
    "promote": promote,
    "rollback": rollback,
    "down": down,
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=(*COMMANDS, "status"))
    command = parser.parse_args(arguments).command
    try:
        if command == "status":
            status()
        else:
            COMMANDS[command](target())
    except Wanting as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    except Missing as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
