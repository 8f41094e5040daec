"""PySyft: the own clients of data owners and a data scientist, on a transport inside this process or on Google Drive.

A job that the owner approves runs in a virtual environment of its own, which PySyft makes with uv. ``prepare`` (called by
``make``, or ``python -m companion.engines.pysyft``) fills a cache once, so that jobs start in seconds and need no network.
"""

from __future__ import annotations

import hashlib
import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from companion import checkout
from companion.engines import Status
from companion.errors import EngineUnavailable
from companion.processes.server import package_version
from companion.quiet import quiet
from companion.workspace import root, workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syft_rds import SyftRDSClient

#: e-mail address and Google Drive token of both parties; all four, or the embedded transport
VARIABLES = ("SYFT_DO_EMAIL", "SYFT_DO_TOKEN_PATH", "SYFT_DS_EMAIL", "SYFT_DS_TOKEN_PATH")

#: what a job may ask for beside syft itself
DEPENDENCIES = ("numpy", "pandas", "scikit-learn")
PREPARE = "python -m companion.engines.pysyft"
_CHECKOUT = checkout.root() or Path()
_LOCK = _CHECKOUT / "requirements.lock"


def connect(
    owner: str = "hospital@example.org", scientist: str = "researcher@example.org"
) -> tuple[SyftRDSClient, SyftRDSClient]:
    """The clients of a data owner and of a data scientist, ``(owner, scientist)``, who are not peers yet.

    Call it again for another pair. Each party has a folder in the scratch space, and what one sends the other is encrypted
    end to end. Embedded, it goes through a simulated drive in this process. With all of ``SYFT_DO_EMAIL``,
    ``SYFT_DO_TOKEN_PATH``, ``SYFT_DS_EMAIL`` and ``SYFT_DS_TOKEN_PATH`` set, both log in to Google Drive instead,
    and their folders stay in ``pysyft-live`` in the scratch folder's root: their keys are all that opens what is on the drive.

    Raises:
        EngineUnavailable: the job environments were not prepared, or are not as prepared, a token file is missing, or an
            account can't log in.
    """
    _check_prepared()
    with quiet(prints=True):
        from syft_rds import SyftRDSClient
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
            return _log_in(live[0], live[1], has_do_role=True), _log_in(live[2], live[3], has_ds_role=True)
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


def connect_many(
    owners: Sequence[str], scientist: str = "researcher@example.org"
) -> tuple[list[SyftRDSClient], SyftRDSClient]:
    """The clients of several data owners and of one data scientist, ``(owners, scientist)``, on one simulated drive.

    As ``connect``, but the jobs of these owners are *confined*: a job reads its owner's data sets and its own folder,
    writes to ``outputs/`` only, opens no socket, and is stopped when it prints or writes more than
    ``companion.engines.pysyft.confine.MOST_BYTES``. What it prints stays with its owner (``log``). On a machine that can't confine
    (``confines()`` is false: no Linux, or no Landlock) only the limits on output hold.

    Raises:
        EngineUnavailable: as ``connect``; or Google Drive is asked for, where each owner logs in on a computer of its own.
        ValueError: no owner, or an address twice.
    """
    everybody = [*owners, scientist]
    names = [email.partition("@")[0] for email in everybody]
    if not owners or len(set(names)) < len(names):
        raise ValueError(f"one name before the @ for each of one or more owners and the scientist, got {everybody}")
    _check_prepared()
    if any(os.environ.get(name) for name in VARIABLES):
        raise EngineUnavailable(
            f"on Google Drive each owner connects on its own computer, with connect(). Unset {', '.join(VARIABLES)}"
        )
    folder = workspace("pysyft")
    _guard_jobs(folder / "bin")
    (folder / "confined").touch()
    with quiet(prints=True):
        from syft.sync.connections.drive.mock_drive_service import MockDriveBackingStore

        drive = MockDriveBackingStore()
        clients = [
            _on_simulated_drive(drive, email, folder / name, owner=email != scientist)
            for email, name in zip(everybody, names, strict=True)
        ]
    return clients[:-1], clients[-1]


def _on_simulated_drive(drive, email: str, box: Path, *, owner: bool) -> SyftRDSClient:
    """What PySyft's ``pair_with_mock_drive_service_connection`` does for each of two parties."""
    from syft.sync.connections.drive.gdrive_transport import GDriveConnection
    from syft.sync.connections.drive.mock_drive_service import MockDriveService
    from syft_rds import SyftRDSClient
    from syft_rds.config import SyftRDSClientConfig

    config = SyftRDSClientConfig._base_config_for_testing(
        email=email, syftbox_folder=box, has_do_role=owner, has_ds_role=not owner, use_in_memory_cache=False
    )
    client = SyftRDSClient.from_config(config)
    engine = client.sync_engine
    engine._add_connection(GDriveConnection.from_service(email, MockDriveService(drive, email)))
    if owner:
        changed = engine.job_file_change_handler._handle_file_change
        engine.datasite_owner_syncer.event_cache.add_callback("on_event_local_write", changed)
    else:
        engine.file_writer.add_callback("write_file", engine.datasite_watcher_syncer.on_file_change)
    engine.peer_manager.write_own_version()
    engine._init_encrypted_peer_store()
    return client


def confines() -> bool:
    """Whether this machine keeps the jobs of ``connect_many`` from other files and from the network."""
    from companion.engines.pysyft.confine import available

    return available()


def log(owner: SyftRDSClient, job_name: str) -> str:
    """What a confined job printed, and why it was stopped, for its owner's eyes; empty if it has not run."""
    box = Path(owner.syftbox_folder)
    path = box.with_name(f"{box.name}-jobs") / job_name / "log.txt"
    return path.read_text(errors="replace") if path.is_file() else ""


def _log_in(email: str, token: str, **role: bool) -> SyftRDSClient:
    """What PySyft's ``login_do`` and ``login_ds`` do, but encrypted, and in the scratch folder.

    With PySyft 0.10 those two can't be told to encrypt (jobs and answers lie on the drive as plain archives), write to the
    home folder, and on another version's state there ask a question that a notebook would not show.
    """
    from unittest.mock import patch

    from syft.sync.login import _init_client_login
    from syft.sync.peers.peer_store import datasite_crypto_keys_path
    from syft_rds import SyftRDSClient
    from syft_rds.config import SyftRDSClientConfig

    box = root() / "pysyft-live" / f"SyftBox_{email}"
    box.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with patch("syft.sync.syftbox_manager.get_jupyter_default_syftbox_folder", lambda _: box):
        config = SyftRDSClientConfig.for_jupyter(
            email=email,
            token_path=Path(token),
            encryption=True,
            crypto_keys_path=datasite_crypto_keys_path(box, email),
            **role,
        )
    client = SyftRDSClient.from_config(config)
    try:
        _init_client_login(client.sync_engine, sync=True, load_peers=True)
    except ValueError as error:
        raise EngineUnavailable(
            f"{email} can't log in: {error}. If the token is this account's, its drive holds what was sealed with keys that "
            "are gone: clear it with syft.gdrive_utils.delete_remote_syftbox(email, token_path)."
        ) from error
    return client


def on_the_drive(*clients: SyftRDSClient) -> dict[str, bytes]:
    """What the drive's operator could read: the content of every file in the clients' folders on it, archives unpacked.

    Keys are places, ``owner/folder/name``, and a member of an archive follows its name. Works on both drives.
    """
    found: dict[str, bytes] = {}
    for client in clients:
        (connection,) = client.peer_manager.connection_router.connections
        waiting = [(client.email, connection.get_syftbox_folder_id())]
        while waiting:
            place, parent = waiting.pop()
            for entry in _listed(connection.drive_service, parent):
                name = f"{place}/{entry['name']}"
                if entry["mimeType"] == "application/vnd.google-apps.folder":
                    waiting.append((name, entry["id"]))
                else:
                    found |= _unpacked(name, connection.download_file(entry["id"]))
    return found


def _listed(drive, folder_id: str) -> list[dict[str, str]]:
    """All entries of a folder, page by page."""
    query, fields, page, entries = f"'{folder_id}' in parents and trashed=false", "files(id, name, mimeType)", None, []
    while True:
        answer = drive.files().list(q=query, fields=f"nextPageToken, {fields}", pageToken=page).execute()
        entries += answer["files"]
        page = answer.get("nextPageToken")
        if not page:
            return entries


def _unpacked(name: str, content: bytes) -> dict[str, bytes]:
    """The members of an archive, or the file as it is. Compressed text is as readable as any, but a search misses it."""
    if not content.startswith(b"\x1f\x8b"):
        return {name: content}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {f"{name}/{member.name}": archive.extractfile(member).read() for member in archive if member.isfile()}


def _guard_jobs(folder: Path) -> None:
    """Put our own ``bash`` and ``uv`` first on the PATH, which is where PySyft's jobs look for them.

    PySyft starts a job with ``bash run.sh`` and no guard: it would outlive a killed kernel. And ``run.sh`` calls ``uv``
    with whatever is on the PATH, and would ask a package index for the newest versions.
    """
    from uv import find_uv_bin

    folder.mkdir()
    uv = shlex.quote(find_uv_bin())  # the program itself: `python -m uv` would install beside this interpreter
    guard = shlex.join([sys.executable, "-m", "companion.processes.guard", "--no-stdin", "--filtered"])
    options = " --constraint " + shlex.quote(str(_LOCK)) if _LOCK.is_file() else ""
    # a job's environment starts as the prepared one, compiled files included. Hard links: a copy takes ten times as long.
    # So a job that edits a file in place edits the prepared one, which `_check_prepared` finds
    copy = f"cp -al {shlex.quote(str(_template() / 'lib'))} .venv 2>/dev/null"
    copy += f" || cp -a {shlex.quote(str(_template() / 'lib'))} .venv"
    confine = shlex.join([sys.executable, "-m", "companion.engines.pysyft.confine"])
    template, tools = (
        shlex.quote(str(_template())),
        shlex.quote(os.pathsep.join(map(str, (folder, find_uv_bin(), _LOCK)))),
    )
    scripts = {
        # the environment goes with the job: PySyft's next synchronisation would hash its thousands of files
        # and the parties' tokens are none of the job's business
        "bash": f'unset {" ".join(VARIABLES)}\nif [ -f "$SYFTBOX_FOLDER/../confined" ]; then export COMPANION_JOB_TOOLS={tools}; '
        f'exec {guard} "$PPID" "$PWD/code/.venv" -- {confine} "$SYFTBOX_FOLDER" {template} -- /bin/bash "$@"; fi\n'
        f'exec {guard} "$PPID" "$PWD/code/.venv" -- /bin/bash "$@"',
        # a confined job's environment stands when it starts, and can't be changed: only look whether it has what is asked for
        "uv": f'if [ "$COMPANION_CONFINED" ]; then case "$1" in venv) exit;; esac; exec {uv} "$@" --quiet --offline --no-config --no-cache{options}; fi\n'
        f'case "$1" in venv) {uv} "$@" --offline && {{ {copy}; }}; exit;; esac\n'
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


def _check_prepared() -> None:
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
