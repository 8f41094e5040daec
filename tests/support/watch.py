"""Runs a block where whatever it leaves behind can be seen, and looks afterwards: processes, shared memory, files."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import GRACE_SECONDS, assert_gone, assert_no_new_shared_memory, new_mark, shared_memory

_FOLDERS = ("HOME", "TMPDIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
#: caches that libraries keep in a user's home are theirs, and the same for every program
_LIBRARIES = ("HOME/.cache/", "HOME/.config/", "HOME/.local/", "HOME/.keras/")


class Watch:
    """Over processes that are given ``environment``: a home and a temporary folder of their own, a scratch folder, a mark."""

    def __init__(self, scratch: Path):
        self.scratch = scratch
        self._mark, self._before = new_mark(), shared_memory()
        # not pytest's own: Python's listeners live in TMPDIR, and the path of a Unix socket has 108 bytes at most
        self._root = Path(tempfile.mkdtemp(prefix="w-"))
        for name in _FOLDERS:
            (self._root / name).mkdir()
        folders = {name: str(self._root / name) for name in _FOLDERS}
        self.environment = {**self._mark, **folders, "COMPANION_WORKSPACE": str(scratch)}

    def check(self, grace: float = GRACE_SECONDS) -> None:
        """Once the processes are said to have ended; they have so many seconds left to go.

        Raises:
            AssertionError: something was left; it is named.
        """
        assert_gone(self._mark, grace)
        assert_no_new_shared_memory(self._before)
        left = [
            str(p.relative_to(self._root))
            for name in ("HOME", "TMPDIR")
            for p in (self._root / name).rglob("*")
            if p.is_file()
        ]
        outside = [p for p in left if not p.startswith(_LIBRARIES)]
        assert outside == [], f"files outside the scratch folder: {outside}"
        mine = [p.name for p in self.scratch.iterdir() if p.name.count("-") >= 2] if self.scratch.is_dir() else []
        assert mine == [], f"scratch folders of a process that is gone: {mine}"

    def remove(self) -> None:
        """Remove the folders."""
        shutil.rmtree(self._root, ignore_errors=True)


@contextmanager
def watched(scratch: Path, grace: float = GRACE_SECONDS) -> Iterator[dict[str, str]]:
    """The environment for the block's processes.

    Raises:
        AssertionError: something was left when the block had ended; it is named.
    """
    watch = Watch(scratch)
    try:
        yield watch.environment
        watch.check(grace)
    finally:
        watch.remove()
