"""The pipeline's last stages, each of which also runs by hand: pack the services, put them on trial, ask them, go live, go back.

usage: python scripts/deploy.py images | staging | smoke | promote | rollback | status | down

A release is named by its tag and never changed. What is meant to run where is one small file, what does run is asked over HTTP;
going back is going to the tag before.
  promote     production gets what passed in staging, is asked there as well, and goes back by itself when an answer is wrong
  rollback    what is where it has not passed goes back to the release before. With WHERE=production, production goes back
              whatever it had passed, and that release is not promoted again
Settings, all from the environment:
  TARGET      docker (default): images, run by compose from jenkins/staging.yaml. process: the same applications as
              processes of this machine, for where there is no Docker engine: start `make machine` first.
  TAG         the release; by default the first 12 digits of the SHA-256 over everything that goes into it, the image
              that it is built on (by name and by content) included
  WHERE       staging or production, for rollback
  SERVICES    by default "nlp_service model_server"
  CONTEXT     the folder with the services, by default docker/
  STATE       where the releases and the file of what runs where are, by default .workspace/deploy
  BASE_IMAGE  for docker, by default what the Dockerfiles say
Exit code 0 well, 1 a release is not good enough, 2 a wrong call, 3 something is missing on this machine.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtimes import CONTEXT, SERVICES, STATE, Containers, Missing, Processes, QualityGateError, parts

from companion.processes import environment

TARGET = os.environ.get("TARGET") or "docker"
PLACES = ("staging", "production")
#: as Docker wants it; also the name of a folder
TAG_FORM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # loopback: no proxy is asked


# what runs where


def read_state() -> dict[str, Any]:
    """``{"staging": {"tag": ..., "passed": whether it has passed there, "before": [tags]}, "production": {...}, "bad": [tags]}``."""
    path = STATE / "state.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    return {**{where: {"tag": None, "passed": False, "before": []} for where in PLACES}, "bad": []}


def write_state(state: dict[str, Any]) -> None:
    """All or nothing: a crash leaves the old file."""
    STATE.mkdir(parents=True, exist_ok=True)
    draft = STATE / "state.json.draft"
    draft.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    draft.replace(STATE / "state.json")


def note(state: dict[str, Any], where: str, tag: str) -> None:
    """Note that ``tag`` comes there now, and what was there before. Before it comes: what comes up only half can be gone back from."""
    place = state[where]
    if place["tag"] not in (None, tag):
        place["before"].append(place["tag"])
    place["tag"], place["passed"] = tag, False
    write_state(state)


@contextmanager
def alone() -> Iterator[None]:
    """One command at a time: a second one waits."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "deploy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# releases


def train_missing_models() -> None:
    """The models are part of a release; train those that are not there yet."""
    for service in SERVICES:
        if not (CONTEXT / service / "model" / "manifest.json").is_file() and (CONTEXT / service / "train.py").is_file():
            print(f"{service}: training its model", flush=True)
            env = environment.for_child({"PYTHONPATH": str(CONTEXT)})
            subprocess.run([sys.executable, "-m", f"{service}.train"], check=True, env=env)


def content_of(runtime: Processes | Containers) -> str:
    """SHA-256 over all that goes into a release: the files, and the image that they are put on."""
    digest = hashlib.sha256()
    for service in SERVICES:
        for path in parts(service):
            digest.update(f"{path.relative_to(CONTEXT).as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
        digest.update(f"on {runtime.base(service)}\0".encode())
    return digest.hexdigest()


def current_tag(runtime: Processes | Containers) -> str:
    tag = os.environ.get("TAG") or content_of(runtime)[:12]
    if not TAG_FORM.fullmatch(tag):
        raise Missing(f"TAG is the name of a release: letters, digits, _ . -, up to 128 of them, not {tag!r}")
    return tag


def target() -> Processes | Containers:
    if TARGET not in ("docker", "process"):
        raise Missing(f"TARGET is docker or process, not {TARGET!r}")
    for name in SERVICES:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise Missing(f"SERVICES are names of folders in {CONTEXT}, not {name!r}")
    return Containers() if TARGET == "docker" else Processes()


# questions to a running service


def ask(url: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer; status 0 when there is none."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with _open(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, {}
    except (OSError, ValueError):
        return 0, {}


def check_answers(url: str, service: str, tag: str, manifest: dict[str, Any]) -> None:
    """It is that release, golden questions have known answers, and nonsense is refused."""
    told = ask(f"{url}/readyz")[1].get("release")  # the services of docker/ don't tell
    if told not in (None, tag):
        raise QualityGateError(f"{service} at {url} is of release {told}, not of {tag}")
    golden = manifest["golden"]
    status, answer = ask(f"{url}/predict", {"instances": [pair["instance"] for pair in golden]})
    if status != 200 or answer["predictions"] != [pair["prediction"] for pair in golden]:
        raise QualityGateError(
            f"{service} answers its golden questions with status {status} and other predictions than it should"
        )
    if answer["model_version"] != manifest["model_version"]:
        raise QualityGateError(
            f"{service} serves model {answer['model_version']}, its manifest says {manifest['model_version']}"
        )
    status, _ = ask(f"{url}/predict", {"instances": "nonsense"})
    if not 400 <= status < 500:
        raise QualityGateError(f"{service} answers nonsense with status {status}")
    print(f"{service}: ready, {len(golden)} golden answers as they should be, nonsense refused", flush=True)


# the commands


def images(runtime: Processes | Containers) -> None:
    """Pack every service under the tag."""
    train_missing_models()
    runtime.build(current_tag(runtime), content_of(runtime))


def staging(runtime: Processes | Containers) -> None:
    """Put the release on trial."""
    tag = current_tag(runtime)
    runtime.require(tag)
    note(read_state(), "staging", tag)
    runtime.up("staging", tag)
    print(f"staging: {tag}")


def smoke(runtime: Processes | Containers, where: str = "staging") -> None:
    """Ask what is there; a release that passes on trial may go live."""
    state = read_state()
    place = state[where]
    tag = place["tag"]
    if tag is None:
        raise Missing(f"nothing is in {where}: run `make {'staging' if where == 'staging' else 'promote'}` first")
    place["passed"] = False
    write_state(state)
    for service in SERVICES:
        url, manifest = runtime.address(where, tag, service)
        check_answers(url, service, tag, manifest)
    place["passed"] = True
    write_state(state)
    print(f"{where}: {tag} passed", flush=True)


def promote(runtime: Processes | Containers) -> None:
    """Make live what has passed on trial, and ask it there; what fails there goes back by itself."""
    state = read_state()
    tag = state["staging"]["tag"]
    if tag is None or not state["staging"]["passed"]:
        raise QualityGateError(f"release {tag} has not passed the smoke test: run `make smoke` first")
    if tag in state["bad"]:
        raise QualityGateError(f"release {tag} was taken back from production: build another one")
    note(state, "production", tag)
    try:
        runtime.up("production", tag)
        print(f"production: {tag}", flush=True)
        smoke(runtime, "production")
    except QualityGateError as error:
        print(f"production: {error}", file=sys.stderr, flush=True)
        go_back(runtime, "production", bad=True)
        raise QualityGateError(f"release {tag} did not pass in production") from error


def go_back(runtime: Processes | Containers, where: str, *, bad: bool = False) -> None:
    """The release before again, asked again; where there was none, the place is empty. A bad one does not come back anywhere."""
    state = read_state()
    place = state[where]
    failed = place["tag"]
    if bad:
        state["bad"].append(failed)
        state["staging"]["passed"] &= state["staging"]["tag"] != failed
    place["before"] = [tag for tag in place["before"] if tag not in state["bad"]]
    place["tag"], place["passed"] = place["before"].pop() if place["before"] else None, False
    if place["tag"] is None:
        runtime.down(where)
        write_state(state)
        print(f"{where}: {failed} is taken down, there is no release before it", flush=True)
        return
    runtime.up(where, place["tag"])
    write_state(state)
    print(f"{where}: back from {failed} to {place['tag']}", flush=True)
    smoke(runtime, where)


def rollback(runtime: Processes | Containers) -> None:
    """What has not passed where it is goes back; by hand (WHERE=...) also what has."""
    named = os.environ.get("WHERE") or ""
    if named not in ("", *PLACES):
        raise Missing(f"WHERE is staging or production, not {named!r}")
    for where in reversed(PLACES):  # what users see comes first
        place = read_state()[where]
        if place["tag"] is not None and (where == named or (not named and not place["passed"])):
            go_back(runtime, where, bad=where == named == "production")
        elif where == named or not named:
            print(f"{where}: {place['tag'] or 'nothing'} stays, there is nothing to go back from", flush=True)


def status(runtime: Processes | Containers) -> None:
    """What is meant to be where, and what answers there."""
    state = read_state()
    for where in PLACES:
        place = state[where]
        before = ", ".join(reversed(place["before"])) or "none"
        told = {name: ask(f"{url}/readyz") for name, url in sorted(runtime.addresses(where).items())}
        answers = [
            f"{name} {answer.get('release', '')} answers {code or 'nothing'}" for name, (code, answer) in told.items()
        ]
        passed = "passed" if place["passed"] else "not passed"
        print(f"{where:10}  {place['tag'] or 'nothing':12}  {passed if place['tag'] else '':10}  before: {before}")
        print(f"{'':10}  {'; '.join(answers) or 'nothing answers'}", flush=True)


def down(runtime: Processes | Containers) -> None:
    """Stop everything and forget what ran; the releases stay."""
    for where in PLACES:
        runtime.down(where)
    (STATE / "state.json").unlink(missing_ok=True)


COMMANDS = {
    "images": images,
    "staging": staging,
    "smoke": smoke,
    "promote": promote,
    "rollback": rollback,
    "status": status,
    "down": down,
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    command = parser.parse_args(arguments).command
    try:
        runtime = target()
        with alone():
            COMMANDS[command](runtime)
    except QualityGateError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    except Missing as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
