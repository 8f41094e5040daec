"""A disk that forgets: a real folder whose power fails at a chosen operation, and which then loses what was not synced.

What a program has written is not on the disk before it is synced: until then a file may come back with all, a part or none of the
new bytes, and a rename may have happened or not (T. S. Pillai et al., OSDI 2014). Which of these a cut leaves is chosen here, so
that a drill can go through all of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn


class PowerCut(BaseException):
    """Nothing catches this on the way, as nothing runs after a power cut."""


class Disk:
    """Four operations on the files of one folder; ``operations`` counts them.

    Args:
        place: the folder.
        cut: before which operation the power fails, from 0; None for never.
        kept: the part of the bytes written since a file's last sync that a cut leaves, from 0 to 1.
        renamed: whether renames since the folder's last sync survive a cut.
    """

    def __init__(self, place: Path, cut: int | None = None, kept: float = 0.0, renamed: bool = True):
        self.place, self.cut, self.kept, self.renamed = place, cut, kept, renamed
        self.operations = 0
        self._unsynced: set[str] = set()
        self._renames: list[tuple[str, str, bytes | None]] = []

    def write(self, name: str, content: bytes) -> None:
        """Write a whole file. It is not on the disk yet."""
        self._step()
        self._unsynced.add(name)
        (self.place / name).write_bytes(content)

    def sync(self, name: str) -> None:
        """Bring what was written to a file to the disk."""
        self._step()
        with (self.place / name).open("rb") as file:
            os.fsync(file.fileno())
        self._unsynced.discard(name)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in place of what had it, in one step. The folder is not on the disk yet."""
        self._step()
        there = self.place / new
        before = there.read_bytes() if there.exists() else None
        os.replace(self.place / old, there)
        self._renames.append((old, new, before))
        self._unsynced.discard(new)
        if old in self._unsynced:
            self._unsynced = self._unsynced - {old} | {new}

    def sync_folder(self) -> None:
        """Bring the names in the folder to the disk."""
        self._step()
        folder = os.open(self.place, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._renames.clear()

    def fail(self) -> NoReturn:
        """The power fails: forget what was not synced, and stop.

        Raises:
            PowerCut: always.
        """
        for name in self._unsynced:
            content = (self.place / name).read_bytes()
            (self.place / name).write_bytes(content[: int(self.kept * len(content))])
        for old, new, before in [] if self.renamed else reversed(self._renames):
            os.replace(self.place / new, self.place / old)
            if before is not None:
                (self.place / new).write_bytes(before)
        raise PowerCut

    def _step(self) -> None:
        if self.operations == self.cut:
            self.fail()
        self.operations += 1
