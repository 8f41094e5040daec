"""What came back from the students, unpacked where nothing in it can do harm: nbgrader's plug-in for the first half of a collection."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from nbgrader.plugins import ExtractorPlugin
from traitlets import Dict, Instance, Integer, List

from companion.grading import names

#: what systems leave beside a user's files
_LITTER = {"__macosx", ".ds_store", "thumbs.db", "desktop.ini", ".ipynb_checkpoints"}
_UTF8_NAMES = 0x800  # bit 11 of a zip entry's flags


@dataclass
class Refused:
    """A file that was not unpacked: as the instructor finds it, its own name, the folders it lies in (outermost first), and why."""

    file: str
    name: str
    folders: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class _Entry:
    """A file in an archive: its path as written there, when it was changed (seconds), its size, how to open it."""

    path: str
    changed: float
    size: int
    open: Callable[[], Any]
    fault: str | None = None


class SafeExtractor(ExtractorPlugin):
    """Copies plain files and unpacks archives (``.zip``, ``.tar`` and its kin, ``.gz``), archives in archives once.

    Nothing is written outside the folder of its archive; links, locked and broken archives, and what is too large are refused,
    each by name (``refused``). Dates are kept: they decide between two uploads. ``.IPYNB`` and ``.ipynb.txt`` become ``.ipynb``.
    """

    largest_file = Integer(100 * 2**20, help="bytes of the largest file that is taken").tag(config=True)
    largest_archive = Integer(500 * 2**20, help="bytes that an archive may unpack to").tag(config=True)
    most_files = Integer(2000, help="files that an archive may hold").tag(config=True)

    refused = List(Instance(Refused))
    #: as it was called, for each file below the extracted folder
    called: Any = Dict()

    def extract(self, archive_path: str, extracted_path: str) -> None:
        self.refused, self.called = [], {}
        source, target = Path(archive_path), Path(extracted_path)
        for path in sorted(source.rglob("*")):
            folders = path.relative_to(source).parts[:-1]
            if _litter(path.relative_to(source).parts):
                continue
            if path.is_symlink():
                self._refuse(path.name, path.name, folders, "a link, not a file")
            elif path.is_file():
                self._take(path, target, folders, path.name, depth=0)

    def _refuse(self, file: str, name: str, folders: tuple[str, ...], reason: str) -> None:
        self.refused.append(Refused(file, name, folders, reason))

    def _take(self, path: Path, target: Path, folders: tuple[str, ...], shown: str, depth: int) -> None:
        """Copy a file, or unpack it into a folder of its own name."""
        stem, entries = _archive(path.name)
        if entries is None:
            if path.stat().st_size > self.largest_file:
                self._refuse(shown, path.name, folders, f"larger than {self.largest_file / 2**20:.0f} MiB")
            else:
                shutil.copy2(path, self._place(target, folders, path.name, shown))
            return
        if depth > 1:
            self._refuse(shown, path.name, folders, "an archive in an archive in an archive")
            return
        try:
            self._unpack(path, entries, target, (*folders, stem), shown, depth)
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
            self._refuse(shown, path.name, (*folders, stem), f"an archive that can't be opened ({error})")

    def _unpack(
        self,
        path: Path,
        entries: Callable[[Path], Iterator[_Entry]],
        target: Path,
        folders: tuple[str, ...],
        shown: str,
        depth: int,
    ) -> None:
        left = self.largest_archive
        for number, entry in enumerate(entries(path)):
            parts = PurePosixPath(entry.path.replace("\\", "/")).parts
            if _litter(parts):
                continue
            called = f"{entry.path} in {shown}"
            trick, most = _trick(parts), min(self.largest_file, left)
            reason = entry.fault or trick
            if number >= self.most_files:
                reason = f"more than {self.most_files} files"
            elif entry.size > most:
                reason = f"unpacks to more than {most / 2**20:.0f} MiB"
            if reason:
                self._refuse(called, parts[-1], folders if trick else (*folders, *parts[:-1]), reason)
                if number >= self.most_files:
                    return
                continue
            left -= self._write(entry, target, (*folders, *parts[:-1]), parts[-1], called, depth)

    def _write(self, entry: _Entry, target: Path, folders: tuple[str, ...], name: str, called: str, depth: int) -> int:
        """Write one entry of an archive; returns its bytes."""
        copy = self._place(target, folders, name, called)
        with entry.open() as packed, copy.open("wb") as file:
            _copy_at_most(packed, file, entry.size)
        with suppress(OSError, OverflowError):  # a date that no system has
            os.utime(copy, (entry.changed, entry.changed))
        if _archive(name)[1]:
            self.called.pop(copy, None)
            self._take(copy, target, folders, called, depth + 1)
            copy.unlink()
        return entry.size

    def _place(self, target: Path, folders: tuple[str, ...], name: str, shown: str) -> Path:
        """A path that is still free, made for this file."""
        folder = target.joinpath(*folders)
        folder.mkdir(parents=True, exist_ok=True)
        stem = names.without_ending(name)
        name = name if stem is None else f"{stem}.ipynb"
        path, number = folder / name, 0
        while path.exists():
            number += 1
            path = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"
        self.called[path] = shown
        return path


def _archive(name: str) -> tuple[str, Callable[[Path], Iterator[_Entry]] | None]:
    """``(name without its ending, what lists its entries)``; None for the second where the file is no archive."""
    for ending, entries in _ARCHIVES.items():
        if name.lower().endswith(ending):
            return name[: -len(ending)], entries
    return name, None


def _litter(parts: tuple[str, ...]) -> bool:
    return not parts or any(part.lower() in _LITTER or part.startswith("._") for part in parts)


def _trick(parts: tuple[str, ...]) -> str | None:
    """What is wrong with a path in an archive; None when it stays inside."""
    if parts[0] == "/" or ":" in parts[0] or ".." in parts or "\0" in "".join(parts):
        return "its path leads out of the archive"
    return None


def _zip_entries(path: Path) -> Iterator[_Entry]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            name = info.filename
            if not info.flag_bits & _UTF8_NAMES:  # macOS writes UTF-8 without saying so
                with suppress(UnicodeError):
                    name = name.encode("cp437").decode("utf-8")
            link = stat.S_ISLNK(info.external_attr >> 16)
            fault = "a link, not a file" if link else "locked with a password" if info.flag_bits & 1 else None
            changed = time.mktime((*info.date_time, 0, 0, -1))
            yield _Entry(name, changed, info.file_size, partial(archive.open, info), fault)


def _tar_entries(path: Path) -> Iterator[_Entry]:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isdir():
                continue
            fault = None if member.isfile() else "a link, not a file"
            yield _Entry(
                member.name,
                member.mtime,
                member.size,
                partial(archive.extractfile, member),
                fault,
            )


def _gz_entries(path: Path) -> Iterator[_Entry]:
    size = 0
    with gzip.open(path) as packed:
        while block := packed.read(2**20):
            size += len(block)
            if size > 2**30:
                break
    yield _Entry(path.name[:-3], path.stat().st_mtime, size, partial(gzip.open, path, "rb"))


def _copy_at_most(source: IO[bytes], target: IO[bytes], size: int) -> None:
    """Copy; an entry that holds more than it says is a trap.

    Raises:
        ValueError: it holds more.
    """
    while block := source.read(min(2**20, size + 1)):
        size -= len(block)
        if size < 0:
            raise ValueError("an entry is larger than it says")
        target.write(block)


#: the longer endings first: .tar.gz is no .gz
_ARCHIVES = {
    ".zip": _zip_entries,
    **dict.fromkeys((".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar"), _tar_entries),
    ".gz": _gz_entries,
}
