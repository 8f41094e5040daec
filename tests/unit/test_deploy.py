"""The pipeline's last stages, as processes: a release is never changed, a bad one goes back, a missing engine is said."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from companion import checkout

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

    run.trial, run.state = trial, tmp_path / "a state"
    return run


def running(deploy) -> tuple[str, str]:
    state = json.loads((deploy.state / "state.json").read_text())
    return state["staging"]["tag"], state["production"]["tag"]


def damage(deploy) -> None:
    weights = deploy.trial / "hello" / "model" / "weights.json"
    weights.write_bytes(weights.read_bytes() + b" ")


def release(deploy) -> str:
    assert [deploy(c).returncode for c in ("images", "staging", "smoke", "promote")] == [0, 0, 0, 0]
    return running(deploy)[0]


def test_a_release_goes_live_and_a_bad_one_comes_back(deploy):
    good = release(deploy)
    assert running(deploy) == (good, good)
    damage(deploy)
    assert deploy("images").returncode == 0
    assert deploy("staging").returncode == 0
    smoke = deploy("smoke")
    assert smoke.returncode == 1
    assert "hello did not become ready" in smoke.stderr
    assert "SHA-256 differs" in smoke.stderr
    refused = deploy("promote")
    assert refused.returncode == 1
    assert "has not passed the smoke test" in refused.stderr
    back = deploy("rollback")
    assert back.returncode == 0
    assert f"to {good}" in back.stdout
    assert f"staging: {good} passed" in back.stdout
    assert running(deploy) == (good, good)
    assert "stays" in deploy("rollback").stdout, "what has passed is not rolled back"
    assert good in deploy("status").stdout
    assert not list(deploy.state.glob("run-*"))


def test_with_no_release_before_staging_is_taken_down(deploy):
    damage(deploy)
    deploy("images")
    deploy("staging")
    done = deploy("rollback")
    assert done.returncode == 0
    assert "no release before it" in done.stdout
    assert running(deploy) == (None, None)


def test_wrong_answers_fail_the_smoke_test(deploy):
    manifest = deploy.trial / "hello" / "model" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("10.5", "10.6"))
    deploy("images")
    deploy("staging")
    done = deploy("smoke")
    assert done.returncode == 1
    assert "golden questions" in done.stderr


def test_a_release_is_never_changed(deploy):
    assert deploy("images", TAG="one").returncode == 0
    assert deploy("images", TAG="one").returncode == 0, "the same content again is no change"
    damage(deploy)
    done = deploy("images", TAG="one")
    assert done.returncode == 1
    assert "release one exists with other content" in done.stderr


@pytest.mark.parametrize(
    ("command", "settings", "code", "reason"),
    [
        ("smoke", {}, 3, "nothing is in staging"),
        ("staging", {"TAG": "no-such"}, 3, "there is no release no-such: run `make images` first"),
        ("images", {"SERVICES": "nobody"}, 3, "no service 'nobody'"),
        ("images", {"TARGET": "cloud"}, 3, "TARGET is docker or process, not 'cloud'"),
        ("images", {"TARGET": "docker", "DOCKER_HOST": "tcp://127.0.0.1:1"}, 3, "no Docker engine answers"),
        ("promote", {}, 1, "has not passed"),
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
