"""PySyft: a data owner's and a data scientist's own clients, on a transport inside this process or on Google Drive.

A job that the owner approves runs in a virtual environment of its own, which PySyft makes with uv. ``prepare`` (called by
``make``, or ``python -m companion.engines.pysyft``) fills a cache once, so that jobs start in seconds and need no network.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from companion._server import package_version
from companion.engines import Status
from companion.errors import EngineUnavailable
from companion.quiet import quiet
from companion.workspace import workspace

if TYPE_CHECKING:
    from syft_rds import SyftRDSClient

#: e-mail address and Google Drive token of both parties; all four, or the embedded transport
VARIABLES = ("SYFT_DO_EMAIL", "SYFT_DO_TOKEN_PATH", "SYFT_DS_EMAIL", "SYFT_DS_TOKEN_PATH")

#: what a job may ask for beside syft itself
DEPENDENCIES = ("numpy", "pandas", "scikit-learn")
PREPARE = "python -m companion.engines.pysyft"
_CHECKOUT = Path(__file__).resolve().parents[2]
_LOCK = _CHECKOUT / "requirements.lock"


def connect(
    owner: str = "hospital@example.org", scientist: str = "researcher@example.org"
) -> tuple[SyftRDSClient, SyftRDSClient]:
    """The clients of a data owner and of a data scientist, ``(owner, scientist)``, who are not peers yet.

    Call it again for another pair. Embedded, each party has a folder in the scratch space, and what one sends the other goes
    encrypted through a simulated drive in this process. With all of ``SYFT_DO_EMAIL``, ``SYFT_DO_TOKEN_PATH``,
    ``SYFT_DS_EMAIL`` and ``SYFT_DS_TOKEN_PATH`` set, both log in to Google Drive instead.

    Raises:
        EngineUnavailable: the job environments were not prepared, or a token file is missing.
    """
    if not _stamp().is_file():
        raise EngineUnavailable(f"the environments of PySyft's jobs are not prepared. Once, with a network: {PREPARE}")
    with quiet(prints=True):
        from syft_rds import SyftRDSClient, login_do, login_ds
    live = [os.environ.get(name) for name in VARIABLES]
    if any(live):
        missing = [name for name, value in zip(VARIABLES, live, strict=True) if not value]
        missing += [f"the file in {name}" for name in VARIABLES[1::2] if not Path(os.environ.get(name, "")).is_file()]
        if missing:
            raise EngineUnavailable(
                f"Google Drive needs all four of {', '.join(VARIABLES)}; missing: {', '.join(missing)}"
            )
    folder = workspace("pysyft")
    _guard_jobs(folder / "bin")
    with quiet(prints=True):
        if all(live):
            return login_do(live[0], live[1]), login_ds(live[2], live[3])
        scientist_client, owner_client = SyftRDSClient.pair_with_mock_drive_service_connection(
            email1=owner,
            email2=scientist,
            base_path1=str(folder / owner.partition("@")[0]),
            base_path2=str(folder / scientist.partition("@")[0]),
            use_in_memory_cache=False,
            encryption=True,
            add_peers=False,
        )
    return owner_client, scientist_client


def on_the_drive(client: SyftRDSClient) -> dict[str, bytes]:
    """What the operator of the embedded drive could read: the content of every file on it, by name, folders left out.

    Raises:
        EngineUnavailable: the client is on a real drive, which shows its operator's view to its operator only.
    """
    (connection,) = client.peer_manager.connection_router.connections
    store = getattr(connection.drive_service, "_backing_store", None)
    if store is None:
        raise EngineUnavailable("this client is on a real drive: look at it there.")
    return {file.name: file.content for file in store.files.values() if file.content}


def _guard_jobs(folder: Path) -> None:
    """Put our own ``bash`` and ``uv`` first on the PATH, which is where PySyft's jobs look for them.

    PySyft starts a job with ``bash run.sh`` and no guard: it would outlive a killed kernel. And ``run.sh`` calls ``uv``
    with whatever is on the PATH, and would ask a package index for the newest versions.
    """
    from uv import find_uv_bin

    folder.mkdir()
    uv = shlex.quote(find_uv_bin())  # the program itself: `python -m uv` would install beside this interpreter
    guard = shlex.join([sys.executable, "-m", "companion._guard", "--no-stdin"])
    options = " --constraint " + shlex.quote(str(_LOCK)) if _LOCK.is_file() else ""
    # a job's environment starts as a copy of the prepared one, compiled files included; what it adds stays its own
    copy = f"cp -al {shlex.quote(str(_template() / 'lib'))} .venv 2>/dev/null"
    copy += f" || cp -a {shlex.quote(str(_template() / 'lib'))} .venv"
    scripts = {
        # the environment goes with the job: PySyft's next synchronisation would hash its thousands of files
        "bash": f'exec {guard} "$PPID" "$PWD/code/.venv" -- /bin/bash "$@"',
        "uv": f'case "$1" in venv) {uv} "$@" --offline && {{ {copy}; }}; exit;; esac\n'
        f'case "$1 $2" in "pip install") exec {uv} "$@" --offline{options};; esac\n'
        f'exec {uv} "$@" --offline',
    }
    for name, line in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    # a bare python3.12 may be a shim that works in some folders only: the base interpreter's own comes first
    os.environ["PATH"] = os.pathsep.join([str(folder), str(Path(sys.base_prefix) / "bin"), os.environ["PATH"]])
    os.environ["UV_CACHE_DIR"] = str(_cache())


def _cache() -> Path:
    """uv's cache: in the checkout, or the user's own where there is none."""
    if (_CHECKOUT / "pyproject.toml").is_file():
        return _CHECKOUT / ".cache" / "uv"
    return Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache" / "uv")


def _template() -> Path:
    """The prepared environment that a job's starts from."""
    return _cache().parent / f"pysyft-job-{package_version('syft')}"


def _stamp() -> Path:
    """Says that the prepared environment is complete."""
    return _template() / "complete"


def prepare() -> None:
    """Make the environment that jobs start from, with the network. A job then needs none, and installs in a second.

    Raises:
        EngineUnavailable: the packages can't be had.
    """
    from uv import find_uv_bin

    env = {**os.environ, "UV_CACHE_DIR": str(_cache())}
    uv = find_uv_bin()
    options = ["--constraint", str(_LOCK)] if _LOCK.is_file() else []
    target = str(_template())
    shutil.rmtree(target, ignore_errors=True)
    wanted = [f"syft=={package_version('syft')}", *DEPENDENCIES]
    for command in (
        ["venv", "--quiet", "--python", sys.executable, target],
        ["pip", "install", "--quiet", "--compile-bytecode", "--python", target, *options, *wanted],
    ):
        done = subprocess.run([uv, *command], env=env, capture_output=True, text=True)
        if done.returncode:
            raise EngineUnavailable(f"PySyft's job environment can't be made: {done.stderr.strip()[-400:]}")
    _stamp().touch()


def probe() -> Status:
    """The installed version, and whether jobs are prepared."""
    version = package_version("syft")
    if version is None or package_version("syft-rds") is None:
        return Status("pysyft", "missing", "-", "pip install syft syft-rds")
    if not _stamp().is_file():
        return Status("pysyft", "missing", version, f"{PREPARE} (once, with a network)")
    if all(os.environ.get(name) for name in VARIABLES):
        return Status("pysyft", "live", version, "Google Drive")
    return Status("pysyft", "embedded", version, "drive simulated in this process, jobs in environments of their own")


if __name__ == "__main__":
    print("preparing the environments of PySyft's jobs")
    try:
        prepare()
    except EngineUnavailable as unavailable:
        raise SystemExit(str(unavailable)) from None
