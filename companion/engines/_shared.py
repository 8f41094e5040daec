"""A file by which the machines of a cluster show that they see the folder that this process writes to."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from companion.workspace import disk_errors


@contextmanager
def token(folder: Path | None) -> Iterator[str]:
    """The path of a file that lies in the folder while the block runs; empty where there is no folder.

    Raises:
        WorkspaceError: the folder takes no file.
    """
    if folder is None:
        yield ""
        return
    path = Path(folder) / f".seen-{secrets.token_hex(8)}"
    try:
        with disk_errors(path.parent):
            path.touch()
        yield str(path)
    finally:
        path.unlink(missing_ok=True)
