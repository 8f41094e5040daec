"""What PySyft's jobs run in: an environment prepared once, and our own ``bash`` and ``uv`` before the machine's.

PySyft starts a job with ``bash run.sh`` and no guard: it would outlive a killed kernel. And ``run.sh`` calls ``uv`` with
whatever is on the PATH, and would ask a package index for the newest versions.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from companion import checkout
from companion.engines._ladder import variable
from companion.errors import EngineUnavailable
from companion.processes.server import package_version

#: what a job may ask for beside syft itself
DEPENDENCIES = ("numpy", "pandas", "scikit-learn")
PREPARE = "python -m companion.engines.pysyft"
_CHECKOUT = checkout.root() or Path()
_LOCK = _CHECKOUT / "requirements.lock"


def environment(folder: Path, hidden: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """What a job gets, and nothing else does: folders for the front of its PATH, and further variables.

    The first of the folders is the new ``folder``, into which our own ``bash`` and ``uv`` are written.

    Args:
        hidden: variables that are none of the job's business.
    """
    from uv import find_uv_bin

    folder.mkdir()
    uv = shlex.quote(find_uv_bin())  # the program itself: `python -m uv` would install beside this interpreter
    # -P: both run in the folder of the submission, where a folder named companion may have been sent along
    guard = shlex.join([sys.executable, "-P", "-m", "companion.processes.guard", "--no-stdin", "--filtered"])
    options = " --constraint " + shlex.quote(str(_LOCK)) if _LOCK.is_file() else ""
    # a job's environment starts as the prepared one, compiled files included. Hard links: a copy takes ten times as long.
    # So a job that edits a file in place edits the prepared one, which `check_prepared` finds
    copy = f"cp -al {shlex.quote(str(_template() / 'lib'))} .venv 2>/dev/null"
    copy += f" || cp -a {shlex.quote(str(_template() / 'lib'))} .venv"
    fence = shlex.join([sys.executable, "-P", "-m", "companion.engines.pysyft.fence"])
    template = shlex.quote(str(_template()))
    scripts = {
        # the environment goes with the job: PySyft's next synchronisation would hash its thousands of files
        # and the parties' tokens are none of the job's business
        "bash": f'unset {" ".join(hidden)}\nif [ -f "$SYFTBOX_FOLDER-jobs/confined" ]; then '
        f'exec {guard} "$PPID" "" -- {fence} "$SYFTBOX_FOLDER" {template} >/dev/null 2>&1; fi\n'
        f'exec {guard} "$PPID" "$PWD/code/.venv" -- /bin/bash "$@"',
        "uv": f'case "$1" in venv) {uv} "$@" --offline && {{ {copy}; }}; exit;; esac\n'
        f'case "$1 $2" in "pip install") exec {uv} "$@" --offline{options};; esac\n'
        f'exec {uv} "$@" --offline',
    }
    for name, line in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    # a bare python3.12 may be a shim that works in some folders only: the base interpreter's own comes first
    return [str(folder), str(Path(sys.base_prefix) / "bin")], {"UV_CACHE_DIR": str(_cache())}


def _cache() -> Path:
    """uv's cache: in the checkout, or the user's own where there is none."""
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT / ".cache" / "uv"
    return Path(variable("UV_CACHE_DIR") or Path.home() / ".cache" / "uv")


def _template() -> Path:
    """The prepared environment that a job's starts from."""
    return _cache().parent / f"pysyft-job-{package_version('syft')}"


def _stamp() -> Path:
    """Says that the prepared environment is complete, and what it was like then."""
    return _template() / "complete"


def _fingerprint(template: Path) -> str:
    """Of the versions asked for, and of the name, size and time of each file: 0.2 s for twenty thousand."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {DEPENDENCIES}".encode())
    digest.update(_LOCK.read_bytes() if _LOCK.is_file() else b"")
    for folder, names, files in os.walk(template / "lib"):
        names.sort()
        for name in sorted(files):
            status = os.lstat(os.path.join(folder, name))
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def prepared() -> bool:
    """Whether ``prepare`` has ever come to its end here."""
    return _stamp().is_file()


def check_prepared() -> None:
    """Raise EngineUnavailable unless the environment that jobs start from is as `prepare` left it."""
    if not _stamp().is_file():
        raise EngineUnavailable(f"the environments of PySyft's jobs are not prepared. Once, with a network: {PREPARE}")
    if _stamp().read_text() != _fingerprint(_template()):
        raise EngineUnavailable(
            f"the environment that PySyft's jobs start from is not as it was prepared: a job has changed it, or the "
            f"locked versions have changed. Prepare it again: {PREPARE}"
        )


def prepare() -> None:
    """Make the environment that jobs start from. A job then needs no network, and installs in a second.

    Does nothing where it stands already, works without a network where uv's cache has the packages, and leaves what was
    there alone until the new one is complete.

    Raises:
        EngineUnavailable: the packages can't be had.
    """
    from uv import find_uv_bin

    target = _template()
    if _stamp().is_file() and _stamp().read_text() == _fingerprint(target):
        return
    env = {**os.environ, "UV_CACHE_DIR": str(_cache())}
    options = ["--constraint", str(_LOCK)] if _LOCK.is_file() else []
    wanted = [f"syft=={package_version('syft')}", *DEPENDENCIES]
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    # copied, so that a job that edits its files can't reach uv's cache, from which they are repaired
    install = ["pip", "install", "--quiet", "--compile-bytecode", "--link-mode", "copy", "--python", str(fresh)]
    make = ["venv", "--quiet", "--python", sys.executable, str(fresh)]
    try:
        for commands in ([make], [[*install, "--offline", *options, *wanted], [*install, *options, *wanted]]):
            for command in commands:
                done = subprocess.run([find_uv_bin(), *command], env=env, capture_output=True, text=True)
                if not done.returncode:
                    break
            else:
                raise EngineUnavailable(f"PySyft's job environment can't be made: {done.stderr.strip()[-400:]}")
        (fresh / "complete").write_text(_fingerprint(fresh))
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
