"""PySyft: the own clients of data owners and a data scientist, on a transport inside this process or on Google Drive.

A job that the owner approves runs in a virtual environment of its own, which PySyft makes with uv. ``prepare`` (called by
``make``, or ``python -m companion.engines.pysyft``) fills a cache once, so that jobs start in seconds and need no network.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.engines._ladder import Status, climb, variable
from companion.engines.pysyft import _private, confine, jobs, places
from companion.engines.pysyft.jobs import DEPENDENCIES, PREPARE, prepare
from companion.engines.pysyft.parcels import answer, approve, log, parcel, release, verdict
from companion.errors import EngineUnavailable, SettingError
from companion.processes.server import package_version
from companion.quiet import quiet
from companion.workspace import workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syft_rds import SyftRDSClient

#: e-mail address and Google Drive token of both parties; all four, or the embedded transport
VARIABLES = ("SYFT_DO_EMAIL", "SYFT_DO_TOKEN_PATH", "SYFT_DS_EMAIL", "SYFT_DS_TOKEN_PATH")

__all__ = [
    "DEPENDENCIES",
    "PREPARE",
    "VARIABLES",
    "answer",
    "approve",
    "confines",
    "connect",
    "connect_many",
    "log",
    "on_the_drive",
    "parcel",
    "prepare",
    "probe",
    "release",
    "verdict",
]


def connect(
    *, owner: str = "hospital@example.org", scientist: str = "researcher@example.org", confined: bool = False
) -> tuple[SyftRDSClient, SyftRDSClient]:
    """The clients of a data owner and of a data scientist, ``(owner, scientist)``, who are not peers yet.

    Call it again for another pair. Each party has a folder in the scratch space, and what one sends the other is encrypted
    end to end. Embedded, it goes through a simulated drive in this process. With all of ``SYFT_DO_EMAIL``,
    ``SYFT_DO_TOKEN_PATH``, ``SYFT_DS_EMAIL`` and ``SYFT_DS_TOKEN_PATH`` set, both log in to Google Drive instead,
    and their folders stay in ``pysyft-live`` in the scratch folder's root: their keys are all that opens what is on the drive.

    Args:
        confined: fence the owner's jobs as ``connect_many`` does, on either drive.

    Raises:
        EngineUnavailable: the job environments were not prepared, or are not as prepared, a token file is missing, or an
            account can't log in.
    """
    jobs.check_prepared()
    with quiet(prints=True):
        from syft_rds import SyftRDSClient
    live = [variable(name) or "" for name in VARIABLES]
    if any(live):
        missing = [name for name, value in zip(VARIABLES, live, strict=True) if not value]
        missing += [f"the file in {name}" for name in VARIABLES[1::2] if not Path(variable(name) or "").is_file()]
        if missing:
            raise EngineUnavailable(
                f"Google Drive needs all four of {', '.join(VARIABLES)}; missing: {', '.join(missing)}"
            )
    folder = workspace("pysyft")
    _guard_jobs(folder / "bin")
    with quiet(prints=True):
        if all(live):
            _confine_jobs(_private.live_box(live[0]), confined)
            return _private.log_in(live[0], live[1], has_do_role=True), _private.log_in(
                live[2], live[3], has_ds_role=True
            )
        _confine_jobs(folder / owner.partition("@")[0], confined)
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
    owners: Sequence[str], *, scientist: str = "researcher@example.org"
) -> tuple[list[SyftRDSClient], SyftRDSClient]:
    """The clients of several data owners and of one data scientist, ``(owners, scientist)``, on one simulated drive.

    As ``connect``, but the jobs of these owners are *confined*: what runs is what the owner has handed to ``approve``, never the
    ``run.sh`` that was sent along. It reads its owner's data sets and its own code, writes to ``outputs/`` only, opens no socket,
    inherits no variable, and is stopped when it prints, writes, starts or takes too much (the limits are in ``companion.engines.pysyft.places``). What it
    prints and leaves stays with its owner (``log``, ``answer``, ``verdict``) until the owner hands something to ``release``; to PySyft, and so
    to the researcher, goes one word, "done" or "failed". The sizes and times of files elsewhere stay visible to it, and it
    may sleep: how long it took is seen outside. On a machine that can't confine (``confines()`` is false: no Linux, or no Landlock) only
    the limits on output and the owner's hands between job and drive hold.

    Raises:
        EngineUnavailable: as ``connect``; or Google Drive is asked for, where each owner logs in on a computer of its own.
        SettingError: no owner, or an address twice.
    """
    everybody = [*owners, scientist]
    names = [email.partition("@")[0] for email in everybody]
    if not owners or len(set(names)) < len(names):
        raise SettingError(f"one name before the @ for each of one or more owners and the scientist, got {everybody}")
    jobs.check_prepared()
    if any(variable(name) for name in VARIABLES):
        raise EngineUnavailable(
            f"on Google Drive each owner connects on its own computer, with connect(). Unset {', '.join(VARIABLES)}"
        )
    folder = workspace("pysyft")
    _guard_jobs(folder / "bin")
    for name in names[:-1]:
        _confine_jobs(folder / name, True)
    with quiet(prints=True):
        from syft.sync.connections.drive.mock_drive_service import MockDriveBackingStore

        drive = MockDriveBackingStore()
        clients = [
            _private.on_simulated_drive(drive, email, folder / name, owner=email != scientist)
            for email, name in zip(everybody, names, strict=True)
        ]
    return clients[:-1], clients[-1]


def _guard_jobs(folder: Path) -> None:
    """From now on the jobs of this process are guarded, and find the prepared environment. The process itself is as before."""
    _private.start_jobs_with(*jobs.environment(folder, VARIABLES))


def _confine_jobs(box: Path, confined: bool) -> None:
    mark = places.mark(box)
    if confined:
        mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark.touch()
    else:
        mark.unlink(missing_ok=True)


def confines() -> bool:
    """Whether this machine keeps confined jobs from other files and from the network."""
    return confine.available()


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


def _listed(drive: Any, folder_id: str) -> list[dict[str, str]]:
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
        members = ((member, archive.extractfile(member)) for member in archive if member.isfile())
        return {f"{name}/{member.name}": file.read() for member, file in members if file is not None}


def probe() -> Status:
    """The installed version, and whether jobs are prepared."""
    return climb(
        "pysyft",
        client="syft-rds",
        install="pip install syft syft-rds",
        live=lambda: (_version(), "Google Drive") if all(variable(name) for name in VARIABLES) else None,
        embedded=lambda: (_version(), "drive simulated in this process, jobs in environments of their own"),
    )


def _version() -> str:
    found = package_version("syft")
    if found is None:
        raise EngineUnavailable("pip install syft syft-rds")
    if not jobs.prepared():
        raise EngineUnavailable(f"{PREPARE} (once, with a network)")
    return found
