"""The pipeline's last stages, as processes: a release is never changed, a bad one goes back, in production too; what serves is asked."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from processes import until

from companion import checkout
from companion.measure import load
from companion.processes import environment
from companion.processes.server import Server

ROOT = checkout.folder()


@pytest.fixture
def deploy(tmp_path):
    """Run a command of scripts/deploy.py on a copy of the trial service, in a folder whose name has a space."""
    trial = shutil.copytree(ROOT / "jenkins" / "trial", tmp_path / "a trial")
    settings = {"TARGET": "process", "SERVICES": "hello", "CONTEXT": str(trial), "STATE": str(tmp_path / "a state")}

    def run(command: str, **more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "deploy.py"), command],
            env={**os.environ, **settings, **more},
            capture_output=True,
            text=True,
        )

    run.trial, run.state, run.settings = trial, tmp_path / "a state", settings
    return run


@pytest.fixture
def machine(deploy, tmp_path):
    """The machine that releases run on."""
    env = environment.for_child(deploy.settings)
    server = Server([sys.executable, str(ROOT / "scripts" / "machine.py")], log=tmp_path / "machine.log", env=env)
    server.wait_until(lambda: (deploy.state / "machine.json").is_file(), "the machine")
    yield server
    server.stop()
    assert not list(deploy.state.glob("run-*")), "what a service wrote while it ran"


def noted(deploy) -> tuple[str, str]:
    state = json.loads((deploy.state / "state.json").read_text())
    return state["staging"]["tag"], state["production"]["tag"]


def address(deploy, where: str) -> str:
    """Where a place is asked: the machine is, as the commands do."""
    code = f"import runtimes; print(runtimes.Processes().addresses({where!r}).get('hello', ''))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **deploy.settings, "PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def ask(url: str, counters: int = 2) -> tuple[int, str]:
    """The status of an answer, and the release that gave it."""
    body = json.dumps({"instances": [{"queue": 4, "open": counters}]}).encode()
    try:
        with urllib.request.urlopen(f"{url}/predict", body, timeout=20) as answer:  # noqa: S310
            return answer.status, json.load(answer)["release"]
    except urllib.error.HTTPError as error:
        return error.code, ""


def serving(deploy) -> tuple[str, str]:
    """The releases that answer in staging and in production."""
    return tuple(ask(url)[1] if (url := address(deploy, where)) else None for where in ("staging", "production"))


def damage(deploy) -> None:
    weights = deploy.trial / "hello" / "model" / "weights.json"
    weights.write_bytes(weights.read_bytes() + b" ")


def edit(deploy, old: str, new: str) -> None:
    code = deploy.trial / "hello" / "service.py"
    assert code.read_text().count(old) == 1
    code.write_text(code.read_text().replace(old, new))


def no_care_for_closed_counters(deploy) -> None:
    """A fault that the golden questions don't see."""
    edit(deploy, 'max(1, i["open"])', 'i["open"]')


def fails_in_production_only(deploy) -> None:
    edit(deploy, 'weights["base"] +', '(weights["base"] if os.environ["SERVICE_PLACE"] == "staging" else 0) +')


def release(deploy) -> str:
    done = [deploy(command) for command in ("images", "staging", "smoke", "promote")]
    assert [d.returncode for d in done] == [0, 0, 0, 0], [d.stderr for d in done]
    return noted(deploy)[0]


def test_a_release_goes_live_and_a_bad_one_comes_back(deploy, machine):
    good = release(deploy)
    assert noted(deploy) == serving(deploy) == (good, good)
    damage(deploy)
    assert deploy("images").returncode == 0
    assert deploy("staging").returncode == 0
    smoke = deploy("smoke")
    assert smoke.returncode == 1
    assert "hello did not become ready" in smoke.stderr
    assert "SHA-256 differs" in smoke.stderr
    assert "answers nothing" in deploy("status").stdout, "what is on trial is asked, not read from a file"
    refused = deploy("promote")
    assert refused.returncode == 1
    assert "has not passed the smoke test" in refused.stderr
    back = deploy("rollback")
    assert back.returncode == 0
    assert f"to {good}" in back.stdout
    assert f"staging: {good} passed" in back.stdout
    assert noted(deploy) == serving(deploy) == (good, good)
    assert deploy("rollback").stdout.count("stays") == 2, "what has passed is not rolled back"
    assert f"hello {good} answers 200" in deploy("status").stdout


def test_with_no_release_before_staging_is_taken_down(deploy, machine):
    damage(deploy)
    deploy("images")
    deploy("staging")
    done = deploy("rollback")
    assert done.returncode == 0
    assert "no release before it" in done.stdout
    assert noted(deploy) == serving(deploy) == (None, None)


def test_wrong_answers_fail_the_smoke_test(deploy, machine):
    manifest = deploy.trial / "hello" / "model" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("10.5", "10.6"))
    deploy("images")
    deploy("staging")
    done = deploy("smoke")
    assert done.returncode == 1
    assert "golden questions" in done.stderr


def test_what_fails_in_production_goes_back_by_itself(deploy, machine):
    good = release(deploy)
    fails_in_production_only(deploy)
    assert [deploy(command).returncode for command in ("images", "staging", "smoke")] == [0, 0, 0]
    bad = noted(deploy)[0]
    done = deploy("promote")
    assert done.returncode == 1
    assert f"production: back from {bad} to {good}" in done.stdout
    assert f"production: {good} passed" in done.stdout
    assert f"release {bad} did not pass in production" in done.stderr
    assert serving(deploy) == (bad, good)
    assert f"staging: back from {bad} to {good}" in deploy("rollback").stdout
    assert serving(deploy) == (good, good)


def test_a_first_release_that_fails_in_production_is_taken_down(deploy, machine):
    fails_in_production_only(deploy)
    assert [deploy(command).returncode for command in ("images", "staging", "smoke", "promote")] == [0, 0, 0, 1]
    assert serving(deploy)[1] is None
    assert noted(deploy)[1] is None


def test_production_comes_back_under_load(deploy, machine):
    good = release(deploy)
    url = address(deploy, "production")
    no_care_for_closed_counters(deploy)
    with load.Background(lambda: ask(url), pause=0) as traffic:
        bad = release(deploy)
        assert address(deploy, "production") == url, "the address stays"
        traffic.until(lambda answers: (200, bad) in answers)
        assert ask(url, counters=0)[0] == 500, "found to be bad, after it had passed everything"
        back = deploy("rollback", WHERE="production")
        assert back.returncode == 0
        assert f"production: back from {bad} to {good}" in back.stdout
        seen = len(traffic.answers)
        traffic.until(lambda answers: len(answers) > seen + 5)
    answers = [answer for _, answer in traffic.answers]
    assert traffic.errors == [], "not one question was left without an answer, at neither turn"
    assert set(answers) == {(200, good), (200, bad)}
    assert [a for a, b in pairwise(answers) if a != b] == [(200, good), (200, bad)], "there and back"
    assert answers[-1] == (200, good)
    assert ask(url, counters=0)[0] == 200
    again = deploy("promote")
    assert again.returncode == 1, "what was taken back is not promoted again"
    deploy("smoke")
    again = deploy("promote")
    assert again.returncode == 1
    assert "was taken back from production" in again.stderr
    assert serving(deploy)[1] == good


def test_a_promotion_that_was_killed_half_way_is_gone_back_from(deploy, machine):
    good = release(deploy)
    edit(deploy, "def create_app():", "import time\ntime.sleep(1.5)\n\n\ndef create_app():")
    assert [deploy(command).returncode for command in ("images", "staging", "smoke")] == [0, 0, 0]
    half = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "deploy.py"), "promote"], env={**os.environ, **deploy.settings}
    )
    assert until(lambda: noted(deploy)[1] != good)
    half.kill()
    half.wait()
    assert f"to {good}" in deploy("rollback").stdout
    assert noted(deploy)[1] == serving(deploy)[1] == good


def test_production_keeps_what_serves_when_the_next_one_does_not_start(deploy, machine):
    good = release(deploy)
    edit(
        deploy,
        "weights, manifest = load()",
        "weights, manifest = load()\n    assert os.environ['SERVICE_PLACE'] == 'staging'",
    )
    assert [deploy(command).returncode for command in ("images", "staging", "smoke")] == [0, 0, 0]
    url = address(deploy, "production")
    with load.Background(lambda: ask(url), pause=0) as traffic:
        done = deploy("promote")
    assert done.returncode == 1
    assert "hello did not become ready" in done.stderr
    assert traffic.errors == []
    assert {answer for _, answer in traffic.answers} == {(200, good)}


def test_a_killed_machine_leaves_nothing_running(deploy, machine):
    release(deploy)
    (main,) = psutil.Process(machine.process.pid).children()
    below = main.children(recursive=True)
    assert len(below) >= 4, "two services, each with its guard"
    os.kill(main.pid, signal.SIGKILL)
    assert until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in below))
    done = deploy("status")
    assert done.returncode == 3, "a file that says what ran says nothing of what runs"
    assert "no machine runs" in done.stderr
    for left in deploy.state.glob("run-*"):  # the next machine would
        shutil.rmtree(left)


def test_there_is_one_machine_for_a_state(deploy, machine):
    second = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "machine.py")],
        env={**os.environ, **deploy.settings},
        capture_output=True,
        text=True,
    )
    assert second.returncode == 1
    assert "one runs already" in second.stderr
    assert (deploy.state / "machine.json").stat().st_mode & 0o077 == 0, "its key is for this user alone"


def test_a_release_is_never_changed(deploy):
    assert deploy("images", TAG="one").returncode == 0
    assert deploy("images", TAG="one").returncode == 0, "the same content again is no change"
    damage(deploy)
    done = deploy("images", TAG="one")
    assert done.returncode == 1
    assert "release one exists with other content" in done.stderr


FAKE_DOCKER = """#!/usr/bin/env python3
# as much of docker as a build needs: images are files in the folder IMAGES, with their label; a base image is a file as well
import os, pathlib, sys
images, words = pathlib.Path(os.environ["IMAGES"]), sys.argv[1:]
def of(name): return images / name.replace("/", "_")
with (images / "log").open("a") as log: print(*words, file=log)
if words[:2] == ["image", "inspect"]:
    if not of(words[-1]).exists(): sys.exit(1)
    print(of(words[-1]).read_text())
elif words[0] == "pull":
    of(words[-1]).write_text("sha256:pulled")
elif words[0] == "build":
    label = next((w for w in words if w.startswith("companion.content=")), "=")
    of(words[words.index("-t") + 1]).write_text(label.partition("=")[2])
"""


@pytest.fixture
def docker(deploy, tmp_path, monkeypatch):
    """A docker that keeps images as files; the images built so far."""
    images, programs = tmp_path / "images", tmp_path / "programs"
    images.mkdir()
    programs.mkdir()
    (programs / "docker").write_text(FAKE_DOCKER)
    (programs / "docker").chmod(0o755)
    (deploy.trial / "hello" / "Dockerfile").write_text("ARG BASE_IMAGE=python:3.12-slim\nFROM ${BASE_IMAGE}\n")
    for name, value in {"TARGET": "docker", "IMAGES": str(images)}.items():
        deploy.settings[name] = value
    deploy.settings["PATH"] = f"{programs}:{os.environ['PATH']}"
    return images


def tag_built(done) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().rpartition(":")[2]


def test_what_an_image_is_built_on_is_part_of_its_name(deploy, docker):
    base = docker / "python:3.12-slim"
    base.write_text("sha256:january")
    january = tag_built(deploy("images"))
    assert tag_built(deploy("images")) == january
    base.write_text("sha256:february")
    february = tag_built(deploy("images"))
    assert february != january, "the same name of a base image, another image"
    (docker / "other:1").write_text("sha256:february")
    assert tag_built(deploy("images", BASE_IMAGE="other:1")) not in (january, february)
    assert tag_built(deploy("images", BASE_IMAGE="new:1")) not in (january, february), "one that has to be pulled first"


def test_an_image_is_never_overwritten_with_another_content(deploy, docker):
    (docker / "python:3.12-slim").write_text("sha256:january")
    assert deploy("images", TAG="one").returncode == 0
    before = (docker / "companion_hello:one").read_text()
    assert deploy("images", TAG="one").returncode == 0, "the same content again is no change"
    builds = (docker / "log").read_text().count("build ")
    (docker / "python:3.12-slim").write_text("sha256:february")
    done = deploy("images", TAG="one")
    assert done.returncode == 1
    assert "image companion/hello:one exists with other content" in done.stderr
    assert (docker / "companion_hello:one").read_text() == before
    assert (docker / "log").read_text().count("build ") == builds, "nothing was built"


@pytest.mark.parametrize(
    ("command", "settings", "code", "reason"),
    [
        ("smoke", {}, 3, "nothing is in staging"),
        ("staging", {"TAG": "no-such"}, 3, "there is no release no-such: run `make images` first"),
        ("images", {"SERVICES": "nobody"}, 3, "no service 'nobody'"),
        ("images", {"TARGET": "cloud"}, 3, "TARGET is docker or process, not 'cloud'"),
        ("images", {"TARGET": "docker", "DOCKER_HOST": "tcp://127.0.0.1:1"}, 3, "no Docker engine answers"),
        ("promote", {}, 1, "has not passed"),
        ("images", {"TAG": "../elsewhere"}, 3, "TAG is the name of a release"),
        ("images", {"SERVICES": "../hello"}, 3, "SERVICES are names of folders"),
        ("rollback", {"WHERE": "moon"}, 3, "WHERE is staging or production"),
        ("down", {}, 3, "no machine runs for"),
        ("fly", {}, 2, "invalid choice: 'fly'"),
    ],
)
def test_what_is_missing_or_wrong_is_said(deploy, command, settings, code, reason):
    done = deploy(command, **settings)
    assert done.returncode == code
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def scan(*paths: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "scan.py"), *map(str, paths)], capture_output=True, text=True
    )


def test_the_scan_finds_each_kind_of_thing_and_repeats_no_secret(tmp_path):
    key = "AKIA" + "Q" * 16
    (tmp_path / "settings.py").write_text(f"import subprocess\nKEY = '{key}'\nsubprocess.call(input(), shell=True)\n")
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /x && pip install flask\n")
    (tmp_path / "Jenkinsfile").write_text("pipeline { }\n")
    done = scan(tmp_path)
    assert done.returncode == 1
    for finding in (
        "settings.py:2: an AWS key",
        "settings.py:3: ",
        "Dockerfile:1: ",
        "Jenkinsfile:1:1: the pipeline has no agent",
    ):
        assert finding in done.stdout
    assert key not in done.stdout


def test_a_clean_folder_and_one_that_is_not_there(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    assert scan(tmp_path).returncode == 0
    done = scan(tmp_path / "no")
    assert done.returncode == 2
    assert "there is no" in done.stderr
