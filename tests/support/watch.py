"""Runs a block where whatever it leaves behind can be seen, and looks afterwards: processes, shared memory, files."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import assert_gone, assert_no_new_shared_memory, new_mark, shared_memory

_FOLDERS = ("HOME", "TMPDIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
#: caches that libraries keep in a user's home are theirs, and the same for every program
_LIBRARIES = ("HOME/.cache/", "HOME/.config/", "HOME/.local/", "HOME/.keras/")


@contextmanager
def watched(scratch: Path) -> Iterator[dict[str, str]]:
    """The environment for the block's processes: a home and a temporary folder of their own, a scratch folder, a mark.

    Raises:
        AssertionError: something was left when the block had ended; it is named.
    """
    mark, before = new_mark(), shared_memory()
    # not pytest's own: Python's listeners live in TMPDIR, and the path of a Unix socket has 108 bytes at most
    root = Path(tempfile.mkdtemp(prefix="w-"))
    try:
        for name in _FOLDERS:
            (root / name).mkdir()
        yield {**mark, **{name: str(root / name) for name in _FOLDERS}, "COMPANION_WORKSPACE": str(scratch)}
        assert_gone(mark)
        assert_no_new_shared_memory(before)
        left = [
            str(p.relative_to(root)) for name in ("HOME", "TMPDIR") for p in (root / name).rglob("*") if p.is_file()
        ]
        outside = [p for p in left if not p.startswith(_LIBRARIES)]
        assert outside == [], f"files outside the scratch folder: {outside}"
        mine = [p.name for p in scratch.iterdir() if p.name.count("-") >= 2] if scratch.is_dir() else []
        assert mine == [], f"scratch folders of a process that is gone: {mine}"
    finally:
        shutil.rmtree(root, ignore_errors=True)
