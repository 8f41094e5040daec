"""The set-up script: clear when something is missing, quick when nothing changed, at home in any folder."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from companion import checkout

ROOT = checkout.folder()
NEEDED = ("scripts/setup.sh", "scripts/lab_overrides.json", "requirements.lock", "pyproject.toml", ".python-version")


@pytest.fixture
def clone(tmp_path):
    """The files that set-up reads, in a folder whose name has a space."""
    folder = tmp_path / "a book"
    for name in NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def setup(folder: Path, programs: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["/bin/sh", str(folder / "scripts" / "setup.sh")],
        env={"PATH": str(programs), "HOME": str(folder)},
        capture_output=True,
        text=True,
    )


def programs(folder: Path, *names: str) -> Path:
    """A PATH with the basic commands and nothing that the test does not put there."""
    folder.mkdir()
    for name in ("cat", "rm", "dirname", "cksum", "awk", "grep", "mkdir", "cp", *names):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def fake(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_no_python_is_said(clone, tmp_path):
    done = setup(clone, programs(tmp_path / "bin"))
    assert done.returncode == 1
    assert "no Python found" in done.stderr and "apt-get install python3" in done.stderr


def test_a_python_without_venv_names_the_package(clone, tmp_path):
    bin_ = programs(tmp_path / "bin")
    fake(bin_, "python3", '[ "$1" = -c ] && exit 0; exit 1')
    done = setup(clone, bin_)
    assert done.returncode == 1
    assert "its module venv is missing" in done.stderr and "apt-get install python3-venv" in done.stderr
    assert not (clone / ".venv").exists(), "half an environment would look like one"


def test_without_a_network_it_says_so(clone, tmp_path):
    bin_ = programs(tmp_path / "bin")
    fake(
        bin_,
        "python3.12",
        'case "$1" in -c) exit 0;; esac; mkdir -p "$3/bin"; echo "exit 1" > "$3/bin/python"; chmod +x "$3/bin/python"',
    )
    (bin_ / "chmod").symlink_to(shutil.which("chmod"))
    done = setup(clone, bin_)
    assert done.returncode == 1
    assert "The first run needs the network" in done.stderr


def test_nothing_changed_means_nothing_done():
    if not (ROOT / ".venv" / "companion.stamp").exists():
        pytest.skip("the environment was not made by make env")
    before = os.stat(ROOT / ".venv" / "companion.stamp").st_mtime_ns
    done = subprocess.run([str(ROOT / "scripts" / "setup.sh")], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert os.stat(ROOT / ".venv" / "companion.stamp").st_mtime_ns == before


def test_make_help_lists_every_target():
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("lab", "test", "check", "notebooks", "release", "bench", "clean"):
        assert f"make {target} " in listed
