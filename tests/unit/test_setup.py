"""The set-up script: clear when something is missing, quick when nothing changed, at home in any folder."""

import shutil
import subprocess
from pathlib import Path

import pytest

from companion import checkout

ROOT = checkout.folder()
#: of a pretended Python: it answers every other call (`-c`, `--version`) with nothing; "$3" is the new environment's folder
VENV_ONLY = '[ "$2" = venv ] || exit 0; case "$3" in ""|/*) exit 9;; esac'
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


def test_a_pretended_python_writes_only_where_it_is_told(tmp_path):
    """Without a folder it would write to /bin, as root with success."""
    fake(tmp_path, "python3.12", f"{VENV_ONLY}; touch here")
    for arguments, code in ((("--version",), 0), (("-m", "venv", ""), 9), (("-m", "venv", "/x"), 9)):
        assert subprocess.run([tmp_path / "python3.12", *arguments], cwd=tmp_path).returncode == code
        assert not (tmp_path / "here").exists()


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
        f'{VENV_ONLY}; mkdir -p "$3/bin"; echo "exit 1" > "$3/bin/python"; chmod +x "$3/bin/python"',
    )
    (bin_ / "chmod").symlink_to(shutil.which("chmod"))
    done = setup(clone, bin_)
    assert done.returncode == 1
    assert "The first run needs the network" in done.stderr


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its time of change and its size."""
    return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def made(clone, tmp_path):
    """The clone after a first set-up, with programs that note their calls in place of Python, pip and uv: never the real environment."""
    bin_, calls = programs(tmp_path / "made", "chmod", "env"), tmp_path / "calls"
    note = f'echo "$0 $*" >> "{calls}"'
    (tmp_path / "uv").write_text(f"#!/bin/sh\n{note}\n")
    (tmp_path / "uv").chmod(0o755)
    inner = f'#!/bin/sh\n{note}\ncase "$*" in *"pip install"*) cp "{tmp_path / "uv"}" "{clone}/.venv/bin/uv";; esac\n'
    (tmp_path / "inner").write_text(inner)
    (tmp_path / "inner").chmod(0o755)
    fake(
        bin_,
        "python3.12",
        f'{note}; {VENV_ONLY}; mkdir -p "$3/bin"; cp "{tmp_path / "inner"}" "$3/bin/python"; '
        f'echo "VIRTUAL_ENV=$PWD/.venv" > "$3/bin/activate"',
    )
    done = setup(clone, bin_)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / ".venv" / "companion.stamp").is_file() and "uv pip sync" in calls.read_text()
    calls.unlink()
    return clone, bin_, calls


def test_nothing_changed_means_nothing_done(made):
    clone, bin_, calls = made
    before = snapshot(clone)
    done = setup(clone, bin_)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert snapshot(clone) == before and not calls.exists(), "no program was even called"


@pytest.mark.parametrize(
    "name", ["requirements.lock", "pyproject.toml", "scripts/lab_overrides.json", "scripts/setup.sh"]
)
def test_what_changed_is_installed_once(made, name):
    clone, bin_, calls = made
    with (clone / name).open("a") as file:
        file.write("\n")
    assert setup(clone, bin_).returncode == 0
    assert "uv pip sync" in calls.read_text()
    calls.unlink()
    assert setup(clone, bin_).returncode == 0
    assert not calls.exists()


def test_a_folder_that_was_moved_gets_a_new_one(made, tmp_path):
    clone, bin_, calls = made
    moved = clone.rename(tmp_path / "elsewhere")
    setup(moved, bin_)
    assert calls.exists(), "set-up went to work"


def test_make_help_lists_every_target():
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("lab", "test", "check", "drills", "new", "notebooks", "release", "bench", "clean"):
        assert f"make {target} " in listed
