"""What is used of PySyft beyond its documented interface, in one place. A test names what an upgrade has taken away."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import EngineUnavailable
from companion.workspace import root

if TYPE_CHECKING:
    from syft_rds import SyftRDSClient

#: the versions in which all this was read
READ_IN = "syft 0.10.0, syft-rds 0.6.1, syft-job 0.1.40"
#: module and attribute, as the tests look for them
NEEDED = (
    "syft_job.job_runner:subprocess",
    "syft_job.job_runner:SyftJobRunner",
    "syft_job.job_runner:_kill_process_tree",
    "syft_rds:SyftRDSClient.pair_with_mock_drive_service_connection",
    "syft_rds.config:SyftRDSClientConfig._base_config_for_testing",
    "syft_rds.config:SyftRDSClientConfig.for_jupyter",
    "syft.sync.syftbox_manager:SyftboxManager._add_connection",
    "syft.sync.syftbox_manager:SyftboxManager._init_encrypted_peer_store",
    "syft.sync.syftbox_manager:get_jupyter_default_syftbox_folder",
    "syft.sync.connections.drive.gdrive_transport:GDriveConnection.from_service",
    "syft.sync.connections.drive.mock_drive_service:MockDriveBackingStore",
    "syft.sync.connections.drive.mock_drive_service:MockDriveService",
    "syft.sync.login:_init_client_login",
    "syft.sync.peers.peer_store:datasite_crypto_keys_path",
)


class _JobProcesses:
    """The module ``subprocess`` as PySyft's runner of jobs sees it: what it starts gets a few variables more."""

    def __init__(self, first: list[str], further: Mapping[str, str]):
        self._first, self._further = first, dict(further)

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, command: list[str], *, env: dict[str, str], **options: Any) -> subprocess.Popen[Any]:
        # the command is looked up on the PATH of this environment
        path = os.pathsep.join([*self._first, env.get("PATH", os.defpath)])
        return subprocess.Popen(command, env={**env, **self._further, "PATH": path}, **options)


def start_jobs_with(first: list[str], further: Mapping[str, str]) -> None:
    """Every job that PySyft starts from now on gets these variables, and ``first`` on its PATH; this process does not."""
    from syft_job import job_runner

    job_runner.subprocess = _JobProcesses(first, further)
    job_runner._kill_process_tree = _end


def _end(pid: int, timeout: float = 12.0) -> None:
    """A job that took too long: its guard ends all of it, also what has detached itself; a guard that does not end is ended."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        guard = psutil.Process(pid)
        guard.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            guard.wait(timeout)
            return
        for process in [*guard.children(recursive=True), guard]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def on_simulated_drive(drive: Any, email: str, box: Path, *, owner: bool) -> SyftRDSClient:
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


def live_box(email: str) -> Path:
    """Where a party on Google Drive has its folder."""
    return root() / "pysyft-live" / f"SyftBox_{email}"


def log_in(email: str, token: str, **role: bool) -> SyftRDSClient:
    """What PySyft's ``login_do`` and ``login_ds`` do, but encrypted, and in the scratch folder.

    With PySyft 0.10 those two can't be told to encrypt (jobs and answers lie on the drive as plain archives), write to the
    home folder, and on another version's state there ask a question that a notebook would not show.
    """
    from unittest.mock import patch

    from syft.sync.login import _init_client_login
    from syft.sync.peers.peer_store import datasite_crypto_keys_path
    from syft_rds import SyftRDSClient
    from syft_rds.config import SyftRDSClientConfig

    box = live_box(email)
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
