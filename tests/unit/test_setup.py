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


def stamp(folder: Path) -> str:
    """What set-up leaves in .venv/companion.stamp when it has made the environment of a checkout."""
    files = "requirements.lock pyproject.toml scripts/setup.sh scripts/lab_overrides.json"
    script = f"{{ pwd; cat {files}; }} | cksum"
    return subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_nothing_changed_means_nothing_done():
    """On the real environment; only where it is up to date, for a test that makes it anew takes it from its neighbours."""
    made = ROOT / ".venv" / "companion.stamp"
    if not made.exists() or made.read_text() != stamp(ROOT):
        pytest.skip("the environment was not made by make env, or not from these files")
    before = os.stat(made).st_mtime_ns
    done = subprocess.run([str(ROOT / "scripts" / "setup.sh")], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert os.stat(made).st_mtime_ns == before


def test_whatever_it_is_made_of_makes_it_anew(clone, tmp_path):
    """No Python is to be had here, so that every start of work shows."""
    bin_ = programs(tmp_path / "bin")
    (clone / ".venv").mkdir()
    made = clone / ".venv" / "companion.stamp"
    made.write_text(stamp(clone))
    assert setup(clone, bin_).returncode == 0, "nothing changed"
    for name in ("requirements.lock", "pyproject.toml", "scripts/setup.sh", "scripts/lab_overrides.json"):
        text = (clone / name).read_text()
        (clone / name).write_text(text + "\n")
        assert "no Python found" in setup(clone, bin_).stderr, name
        (clone / name).write_text(text)
    assert setup(clone, bin_).returncode == 0, "changed back"
    moved = clone.rename(tmp_path / "elsewhere")
    assert "no Python found" in setup(moved, bin_).stderr


def test_make_help_lists_every_target():
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("lab", "test", "check", "new", "notebooks", "release", "bench", "clean"):
        assert f"make {target} " in listed
