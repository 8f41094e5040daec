"""Folders that a stranger has filled: measured and removed whatever the names, the depth and the permissions in them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def measure(folder: Path, most_deep: int, most_files: int) -> tuple[int, int, bool]:
    """Files and folders below a folder, the bytes in them, and whether it goes deeper than ``most_deep``.

    Stops counting at more than ``most_files``. The folder may be changing meanwhile.
    """
    found, size, deep = 0, 0, False
    waiting = [(os.fsencode(folder), 0)]
    while waiting and found <= most_files:
        where, depth = waiting.pop()
        with contextlib.suppress(OSError), os.scandir(where) as entries:
            for entry in entries:
                found += 1
                with contextlib.suppress(OSError):
                    size += entry.stat(follow_symlinks=False).st_size if not entry.is_dir(follow_symlinks=False) else 0
                    if entry.is_dir(follow_symlinks=False):
                        deep |= depth + 1 > most_deep
                        waiting += [(entry.path, depth + 1)] * (depth < most_deep)
                if found > most_files:
                    break
    return found, size, deep


def plain_files(folder: Path, most_bytes: int, most_files: int, most_deep: int) -> dict[str, bytes | None]:
    """The content of every file in a folder and its subfolders by relative name; None for what is no plain file, or too much.

    No link is followed, no folder entered that lies deeper than ``most_deep``, and no more than ``most_files`` names are given: the
    next one is ``...``.
    """
    if folder.is_symlink():
        return {".": None}
    found: dict[str, bytes | None] = {}
    left, waiting = most_bytes, [(folder, 0)]
    while waiting:
        where, depth = waiting.pop()
        with contextlib.suppress(OSError):
            for entry in sorted(where.iterdir()):
                name = os.fsencode(entry.relative_to(folder)).decode(errors="replace")
                if len(found) >= most_files:
                    return found | {"...": None}
                if entry.is_dir() and not entry.is_symlink() and depth < most_deep:
                    waiting.append((entry, depth + 1))
                    continue
                found[name] = None
                if entry.is_file() and not entry.is_symlink() and entry.stat().st_size <= left:
                    with contextlib.suppress(OSError):
                        found[name] = content = entry.read_bytes()
                        left -= len(content)
    return found


def remove(folder: Path) -> None:
    """A folder with all that is in it, or the file or link of that name; nothing happens where there is none.

    Deep folders are brought up a level at a time, because a path has at most 4,096 bytes.

    Raises:
        OSError: it can't be removed.
    """
    top = os.fsencode(folder)
    if os.path.islink(top) or not os.path.isdir(top):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(top)
        return
    moved = 0
    while True:
        os.chmod(top, 0o700)
        entries = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in _listed(top)]
        if not entries:
            break
        for path, is_folder in entries:
            if not is_folder:
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for inner in _listed(path):
                if inner.is_dir(follow_symlinks=False):
                    moved += 1
                    os.chmod(inner.path, 0o700)
                    os.rename(inner.path, os.path.join(top, b".%d.%d" % (os.getpid(), moved)))
                else:
                    os.unlink(inner.path)
            os.rmdir(path)
    os.rmdir(top)


def _listed(folder: bytes) -> list[os.DirEntry[bytes]]:
    with os.scandir(folder) as entries:
        return list(entries)
