"""What comes in and what goes out, in the owner's hands: a confined job runs from what its owner has sealed, and sends what he has written.

A parcel is files, by name. Of what the researcher sends nothing runs: the owner reads it (``parcel``) and hands over the files
that are to run (``approve``), his own copies. Of what the job leaves nothing goes out: the owner reads it (``answer``), and
hands over what is to be sent (``release``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from companion import tree
from companion.engines.pysyft import _private, places
from companion.errors import SettingError
from companion.quiet import quiet

if TYPE_CHECKING:
    from syft_job.job import JobInfo
    from syft_rds import SyftRDSClient

#: of a parcel
MOST_FILES = 100
#: PySyft's own: whoever can write one in a folder decides who may read that folder
PERMISSIONS = "syft.pub.yaml"


def _beside(job: JobInfo) -> Path:
    return places.beside(_private.box_of(job).resolve(), job.job_submission_path.resolve())


def parcel(job: JobInfo) -> dict[str, bytes | None]:
    """All that the researcher has sent to be run: content by relative name; None for what is no plain file, or too much.

    PySyft's own ``run.sh`` and ``config.yaml`` beside it are not in it, because nothing of them runs.
    """
    return tree.plain_files(job.code_dir, places.MOST_BYTES, MOST_FILES, places.MOST_DEEP)


def approve(job: JobInfo, files: Mapping[str, bytes], reason: str | None = None) -> None:
    """Seal these files as what the job will run, and approve it. ``main.py`` is run, and finds the others beside it.

    The files are the owner's: what the researcher has sent, or changes later, does not matter any more.

    Raises:
        SettingError: no main.py, or a name that is no plain relative path, or one in ``outputs``.
        ValueError: the job is not pending (of PySyft's ``approve``, which is called last).
    """
    if places.ENTRY not in files:
        raise SettingError(f"a job runs {places.ENTRY}, got {sorted(files)}")
    _check_names(files, places.OUTPUTS)
    if job.status != "pending":
        raise ValueError(f"only a pending job can be approved; {job.name!r} is {job.status}")
    code = _beside(job) / "code"
    tree.remove(code)
    _write(code, files)
    with quiet(prints=True):
        job.approve(reason)


def answer(job: JobInfo) -> dict[str, bytes | None]:
    """What a job that came to its end has left in ``outputs/``, as ``parcel``; nothing of a job that failed. For its owner's eyes."""
    if verdict(job) != "done":
        return {}
    return tree.plain_files(_beside(job) / "code" / places.OUTPUTS, places.MOST_BYTES, MOST_FILES, places.MOST_DEEP)


def verdict(job: JobInfo) -> str:
    """What became of a confined job, for its owner: "done", how it failed or why it was stopped; the status if it has not ended."""
    path = _beside(job) / "verdict.txt"
    if path.is_file() and job.status in ("done", "failed"):
        return path.read_text()
    return "failed: it took too long" if job.status == "failed" else f"has not run: {job.status}"


def release(job: JobInfo, files: Mapping[str, bytes], readers: Sequence[str]) -> None:
    """Send these files, and nothing else, as the job's outputs to these addresses with the owner's next ``sync``.

    The folder is made anew, its permission file by PySyft: a job has no way to write into it.

    Raises:
        SettingError: a name that is no plain relative path, or is PySyft's own; the job did not end well.
    """
    _check_names(files)
    if any(PurePosixPath(name).name.casefold() == PERMISSIONS for name in files):
        raise SettingError(f"{PERMISSIONS} decides who reads a folder: PySyft writes it, give the readers instead")
    if job.status != "done":
        raise SettingError(f"nothing of job {job.name!r} can be released: {verdict(job)}")
    outputs = job.job_review_path / places.OUTPUTS
    tree.remove(outputs)
    _write(outputs, files)
    job.share_outputs([job.datasite_owner_email, *readers])


def log(owner: SyftRDSClient, job_name: str) -> str:
    """What a confined job printed, and why it was stopped, for its owner's eyes; empty if it has not run."""
    for job in owner.job_client.jobs:
        if job.name == job_name and job.datasite_owner_email == owner.email:
            path = _beside(job) / "log.txt"
            return path.read_text(errors="replace") if path.is_file() else ""
    return ""


def _check_names(files: Mapping[str, bytes], taken: str | None = None) -> None:
    for name in files:
        path = PurePosixPath(name)
        if (
            not path.parts
            or path.parts[0] == taken
            or path.is_absolute()
            or ".." in path.parts
            or "\0" in name
            or str(path) != name
        ):
            raise SettingError(f"a file of a parcel has a plain relative name, got {name!r}")
        if any(str(folder) in files for folder in path.parents):
            raise SettingError(f"{name!r} lies in a folder that has the name of a file")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
