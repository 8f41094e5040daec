"""The pipeline's last stages on a Docker engine: a release goes live, a second one is taken back out of production, no tag is overwritten."""

import os
import shutil
import subprocess
import sys

import pytest
from containers import connected, skip_or_fail

from companion import checkout

ROOT = checkout.folder()
BASE = "companion/nlp_service:latest"
#: on an image that has gunicorn: the trial service under a real service's name, which compose knows
DOCKERFILE = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
USER root
RUN rm -rf /app
COPY serving/*.py /app/serving/
COPY nlp_service/service.py /app/
COPY nlp_service/model/ /app/model/
ENV SERVICE_BIND=0.0.0.0:8000
WORKDIR /app
USER 10001:10001
"""


@pytest.fixture
def deploy(tmp_path):
    """Run a command of scripts/deploy.py; what was made on the engine is removed."""
    client = connected()
    if not client.images.list(BASE):
        skip_or_fail(f"there is no image {BASE}: make models, and scripts/images.sh nlp_service")
    if (
        shutil.which("docker-compose") is None
        and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    ):
        skip_or_fail("no compose: Debian: apt-get install docker-compose")
    for place in ("staging", "production"):
        if client.containers.list(all=True, filters={"label": f"com.docker.compose.project=companion-{place}"}):
            pytest.skip(f"companion-{place} runs on this engine: it is somebody's")
    trial = shutil.copytree(ROOT / "jenkins" / "trial", tmp_path / "trial")
    (trial / "hello").rename(trial / "nlp_service")
    (trial / "nlp_service" / "Dockerfile").write_text(DOCKERFILE)
    settings = {
        "TARGET": "docker",
        "SERVICES": "nlp_service",
        "CONTEXT": str(trial),
        "STATE": str(tmp_path / "state"),
        "BASE_IMAGE": BASE,
    }

    def run(command: str, **more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "deploy.py"), command],
            env={**os.environ, **settings, **more},
            capture_output=True,
            text=True,
        )

    run.service = trial / "nlp_service" / "service.py"
    before = {image.id for image in client.images.list("companion/nlp_service")}
    yield run
    run("down")
    for image in client.images.list("companion/nlp_service"):
        if image.id not in before:
            client.images.remove(image.id, force=True)
    client.close()


def test_production_comes_back_on_an_engine_too(deploy):
    for command in ("images", "staging", "smoke", "promote"):
        done = deploy(command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    first = done.stdout.split()[1]
    assert deploy("status").stdout.count(f"nlp_service {first} answers 200") == 2
    deploy.service.write_text(deploy.service.read_text().replace('max(1, i["open"])', 'i["open"]'))
    for command in ("images", "staging", "smoke", "promote"):
        done = deploy(command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    second = done.stdout.split()[1]
    assert second != first
    back = deploy("rollback", WHERE="production")
    assert back.returncode == 0, back.stderr
    assert f"production: back from {second} to {first}" in back.stdout
    status = deploy("status").stdout
    assert f"nlp_service {first} answers 200" in status and f"nlp_service {second} answers 200" in status
    refused = deploy("images", TAG=first)
    assert refused.returncode == 1 and "exists with other content" in refused.stderr
