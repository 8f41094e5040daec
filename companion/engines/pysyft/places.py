"""Where a confined job lies on its owner's machine, what it is called there, and how much it may be."""

from __future__ import annotations

from pathlib import Path

#: of all that a job prints, and of all that it leaves on the disk
MOST_BYTES = 1_000_000
#: of files and folders, and of folders one in the other
MOST_FILES, MOST_DEEP = 1_000, 8
#: of a job's processes, and bytes of memory of all of them
MOST_PROCESSES, MOST_RESIDENT = 32, 4 * 2**30
#: what runs, and where it may write
ENTRY, OUTPUTS = "main.py", "outputs"


def beside(box: Path, submission: Path) -> Path:
    """The folder of one job beside its owner's box, where PySyft does not look.

    In it: ``code`` (with ``outputs`` in it), ``tmp``, ``log.txt`` and ``verdict.txt``.
    """
    return box.with_name(f"{box.name}-jobs") / submission.relative_to(box)


def mark(box: Path) -> Path:
    """The file that says that an owner's jobs are confined."""
    return box.with_name(f"{box.name}-jobs") / "confined"
