"""The scratch folder: the only place that notebooks and engines write to.

Every kernel gets folders of its own, so two notebooks never see each other's files. They go when the kernel ends; what a
killed kernel left is swept by the next one: by the mark beside each folder, never by a name, since the scratch folder may be
one where the reader, or another machine, keeps other things.
"""

import atexit
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from companion import checkout, this_run, tree
from companion.errors import WorkspaceError


def root() -> Path:
    """The scratch folder's root: ``COMPANION_WORKSPACE``, or ``.workspace`` in the checkout, or the user's cache folder."""
    if chosen := os.environ.get("COMPANION_WORKSPACE"):
        return Path(chosen).expanduser().resolve()
    if here := checkout.root():
        return here / ".workspace"
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "scalable-ai-companion"


def workspace(name: str = "scratch", *, needs: int = 0) -> Path:
    """A fresh, empty folder for this process, removed when the process ends.

    Args:
        name: what it is for; becomes part of the folder's name.
        needs: bytes that will be written, checked against the free space first.

    Raises:
        WorkspaceError: the folder can't be made, or fewer than ``needs`` bytes are free.
    """
    parent = root()
    with disk_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        _sweep(parent)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-{os.getpid()}-", dir=parent))
        _mark_of(folder).write_text(json.dumps(this_run.mark()))
    check_free(folder, needs)
    # a forked child inherits the hook, and must not remove its parent's folder
    atexit.register(_remove_if_owner, folder, os.getpid())
    return folder


def check_free(folder: Path, needs: int) -> None:
    """Raise WorkspaceError when fewer than ``needs`` bytes are free where ``folder`` lies."""
    free = shutil.disk_usage(folder).free
    if free < needs:
        raise WorkspaceError(
            f"the scratch folder has {free / 2**20:.0f} MiB free, but {needs / 2**20:.0f} MiB are needed. "
            "Free some space, or point COMPANION_WORKSPACE at a larger disk."
        )


@contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """Turn a full or read-only disk into a WorkspaceError that says which folder and what to do."""
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "is full",
            errno.EDQUOT: "is over its quota",
            errno.EROFS: "is read-only",
            errno.EACCES: "is not writable",
        }
        if error.errno not in reasons:
            raise
        raise WorkspaceError(
            f"the scratch folder {where} {reasons[error.errno]}. "
            "Free some space, or point COMPANION_WORKSPACE at another folder."
        ) from error


def _mark_of(folder: Path) -> Path:
    """The file beside a folder that says which process made it."""
    return folder.parent / f".{folder.name}.made"


def _remove_if_owner(folder: Path, pid: int) -> None:
    if os.getpid() == pid:
        _remove(folder)


def _remove(folder: Path) -> None:
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():  # what a stranger's job has left may be too deep for that, or closed
        with suppress(OSError):
            tree.remove(folder)
    if not folder.exists():
        _mark_of(folder).unlink(missing_ok=True)


def _sweep(parent: Path) -> None:
    """Remove folders that a process of this machine made and left, because it was killed."""
    for mark in parent.glob(".*.made"):
        with suppress(OSError, ValueError):  # another kernel sweeps as well
            if this_run.is_over(json.loads(mark.read_text())):
                _remove(parent / mark.name.removeprefix(".").removesuffix(".made"))
