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
Exit code 0 well, 1 a release is not good enough, 2 a wrong call, 3 something is missing on this machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request

from runtimes import CONTEXT, SERVICES, STATE, Containers, Missing, Processes, QualityGateError, parts

from companion.processes import environment

TARGET = os.environ.get("TARGET") or "docker"


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


def train_missing_models() -> None:
    """The models are part of a release; train those that are not there yet."""
    for service in SERVICES:
        if not (CONTEXT / service / "model" / "manifest.json").is_file() and (CONTEXT / service / "train.py").is_file():
            print(f"{service}: training its model", flush=True)
            env = environment.for_child({"PYTHONPATH": str(CONTEXT)})
            subprocess.run([sys.executable, "-m", f"{service}.train"], check=True, env=env)


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


def target() -> Processes | Containers:
    if TARGET not in ("docker", "process"):
        raise Missing(f"TARGET is docker or process, not {TARGET!r}")
    return Containers() if TARGET == "docker" else Processes()


# questions to a running service


def post(url: str, body: dict) -> tuple[int, dict]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, {}


def check_answers(url: str, service: str, manifest: dict) -> None:
    """Golden questions have known answers, and nonsense is refused."""
    golden = manifest["golden"]
    status, answer = post(f"{url}/predict", {"instances": [pair["instance"] for pair in golden]})
    if status != 200 or answer["predictions"] != [pair["prediction"] for pair in golden]:
        raise QualityGateError(
            f"{service} answers its golden questions with status {status} and other predictions than it should"
        )
    if answer["model_version"] != manifest["model_version"]:
        raise QualityGateError(
            f"{service} serves model {answer['model_version']}, its manifest says {manifest['model_version']}"
        )
    status, _ = post(f"{url}/predict", {"instances": "nonsense"})
    if not 400 <= status < 500:
        raise QualityGateError(f"{service} answers nonsense with status {status}")
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
            check_answers(url, service, manifest)
    state["passed"].append(tag)
    write_state(state)
    print(f"{where}: {tag} passed")


def promote(runtime: Processes | Containers) -> None:
    """Make live what is on trial, if it has passed."""
    state = read_state()
    tag = state["staging"]["tag"]
    if tag is None or tag not in state["passed"]:
        raise QualityGateError(f"release {tag} has not passed the smoke test: run `make smoke` first")
    try:
        runtime.up("production", tag)
    except QualityGateError:
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
    except QualityGateError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    except Missing as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
