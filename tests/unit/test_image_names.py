"""Every image that a file here names can be had: a Dockerfile of this repository builds it, or a public registry has it."""

import os
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from companion import checkout

ROOT = checkout.folder()
#: of public registries, by the names that these files use; whoever adds one looks first whether that tag exists
PUBLIC = {
    "jenkins/inbound-agent:3355.v388858a_47b_33-19-jdk21",
    "jenkins/jenkins:2.568.2-lts-jdk21",
    "nginxinc/nginx-unprivileged:1.27-alpine",
    "postgres:17-alpine",
    "prom/prometheus:v3.0.0",
    "python:3.12-slim",
    "redis:7-alpine",
}
FOLDERS = ("cloudformation", "docker", "jenkins", "k8s")
FILES = [p for f in FOLDERS for p in sorted((ROOT / f).rglob("*")) if p.suffix in (".yaml", ".yml")]
DOCKERFILES = [p for f in FOLDERS for p in sorted((ROOT / f).rglob("Dockerfile"))]


def named(path: Path) -> set[str]:
    """The images that a file names. Of a variable it is the default that counts; a release's tag is made by scripts/deploy.py."""
    text = re.sub(r"#.*", "", path.read_text())
    found = re.findall(r"^\s*(?:- )?(?:&\w+ )?image:\s*(\S.*?)\s*$", text, re.MULTILINE)
    if path.name == "Dockerfile":
        found = re.findall(r"^ARG BASE_IMAGE=(\S+)", text, re.MULTILINE)
        stages = set(re.findall(r" AS (\w+)", text)) | {"${BASE_IMAGE}"}
        found += [image for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE) if image not in stages]
    found = [re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", image.strip("'\"")) for image in found]
    return {re.sub(r"\$\{TAG[^}]*\}", "latest", image) for image in found}


def is_built_here(image: str) -> bool:
    """Whether scripts/images.sh makes it: ``companion/NAME`` of ``docker/NAME/Dockerfile``, under the two tags that it gives.

    ``companion/worker`` is a target of the book's Dockerfile.
    """
    name, _, tag = image.partition(":")
    own = name.removeprefix("companion/")
    folder = ROOT / "docker" / ("book" if own == "worker" else own)
    return (
        name.startswith("companion/")
        and (folder / "Dockerfile").is_file()
        and tag in ("latest", version("scalable-ai-companion"))
    )


def test_the_names_are_found():
    everything = set().union(*map(named, [*FILES, *DOCKERFILES]))
    assert everything >= PUBLIC, "what is listed as public is used"
    assert {"companion/worker", "companion/recommender", "companion/model_server"} <= {
        i.partition(":")[0] for i in everything
    }


@pytest.mark.parametrize("path", [*FILES, *DOCKERFILES], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_image_is_built_here_or_public(path):
    unknown = {image for image in named(path) if image not in PUBLIC and not is_built_here(image)}
    assert not unknown, "nobody builds it, and no public registry is known to have it"


def test_an_overlay_renames_images_that_are_there():
    """Kustomize says nothing about a name that matches none."""
    used = {image.partition(":")[0] for path in (ROOT / "k8s").rglob("*.yaml") for image in named(path)}
    for path in (ROOT / "k8s").rglob("kustomization.yaml"):
        for image in yaml.safe_load(path.read_text()).get("images", []):
            assert image["name"] in used, path


@pytest.fixture
def images(tmp_path):
    """``scripts/images.sh worker`` against a docker whose images are files: their content is their id."""
    (tmp_path / "docker").write_text(
        "#!/bin/sh\ncd $(dirname $0)\nfile() { echo $1 | tr / _; }\ncase $1 in\n"
        "build) echo $BUILT >$(file $3) ;;\ntag) cp $(file $2) $(file $3) ;;\n"
        "image) case $4 in *Size*) echo 1000000 ;; *) cat $(file $5) ;; esac ;;\nesac\n"
    )
    (tmp_path / "docker").chmod(0o755)

    def run(content: str, root: Path = ROOT) -> str:
        env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "BUILT": content}
        command = [str(root / "scripts" / "images.sh"), "worker"]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    return run


def test_a_machine_with_nothing_but_docker_builds_them(images, tmp_path):
    """Where no environment has been made: README's way to the book as an image."""
    for path in ("scripts/images.sh", "companion/__init__.py"):
        (tmp_path / "checkout" / path).parent.mkdir(parents=True)
        shutil.copy(ROOT / path, tmp_path / "checkout" / path)
    assert "building companion/worker" in images("january", tmp_path / "checkout")
    assert (tmp_path / f"companion_worker:{version('scalable-ai-companion')}").read_text() == "january\n"


def test_a_version_that_comes_to_mean_another_image_is_said(images):
    said = [images(content) for content in ("january", "january", "february")]
    assert "another image" not in said[0] + said[1]
    assert f"companion/worker:{version('scalable-ai-companion')} was another image before: january" in said[2]


def test_the_script_gives_both_tags():
    text = (ROOT / "scripts" / "images.sh").read_text()
    assert (
        'build "companion/$name:latest"' in text
        and 'docker tag "companion/$name:latest" "companion/$name:$VERSION"' in text
    )
    assert f"companion/worker:{version('scalable-ai-companion')}" in (ROOT / "k8s" / "README.md").read_text()
