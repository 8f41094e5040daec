"""Runs one confined job of PySyft's, in place of the ``run.sh`` that came with it, and says one word about it.

What runs is what the owner has sealed (``parcels.approve``), with Python's isolated mode, in a folder beside the owner's box:
nothing that the job makes is ever in a folder that PySyft sends or looks at. What it prints goes to the owner's log, and why
it failed to ``verdict.txt``. PySyft, and so the researcher, gets 0 or 1, which it calls "done" or "failed": this program's own output
goes nowhere, so that no traceback of its own can tell anything.

usage: python -m companion.engines.pysyft.fence BOX TEMPLATE   (in the folder of the submission, as PySyft runs a job)
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from companion import tree
from companion.engines.pysyft import confine
from companion.engines.pysyft.places import (
    ENTRY,
    MOST_BYTES,
    MOST_DEEP,
    MOST_FILES,
    MOST_PROCESSES,
    MOST_RESIDENT,
    OUTPUTS,
    beside,
)

_POLL_SECONDS = 0.2
#: of the machine's settings, what a Python with NumPy reads. No list of users, no other process, no other machine's name
_MACHINE = (
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/ssl/openssl.cnf",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/random",
)


class _Stopped(Exception):
    """The job went too far; the message says how, for its owner."""


def main(argv: list[str]) -> int:
    """0 if the job came to its end with nothing to complain about, else 1. Never a word of the job's, or of a failure's own."""
    box, template = Path(argv[0]).resolve(), Path(argv[1]).resolve()
    place = beside(box, Path.cwd().resolve())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        verdict = _run(box, template, place)
    except BaseException as error:
        verdict = "stopped: it took too long" if isinstance(error, SystemExit) else "failed: the fence itself"
        _note(place / "log.txt", "".join(traceback.format_exception(error)))
    with contextlib.suppress(OSError):
        if verdict != "done":
            tree.remove(place / "code" / OUTPUTS)
        # in the folder that PySyft takes the outputs from lies, if anything, what the researcher has sent along
        tree.remove(Path.cwd() / "code" / OUTPUTS)
    _note(place / "log.txt", f"\n{verdict}\n" if verdict != "done" else "")
    with contextlib.suppress(OSError):
        (place / "verdict.txt").write_text(verdict)
    return int(verdict != "done")


def _note(path: Path, text: str) -> None:
    with contextlib.suppress(OSError), path.open("a") as log:
        log.write(text)


def _run(box: Path, template: Path, place: Path) -> str:
    """The verdict on a job, for its owner: "done", or how it failed."""
    place.mkdir(parents=True, exist_ok=True)
    code, outputs, scratch = (place / name for name in ("code", f"code/{OUTPUTS}", "tmp"))
    if not (code / ENTRY).is_file():
        return "failed: its owner has not approved it (companion.engines.pysyft.approve)"
    for folder in (outputs, scratch):
        tree.remove(folder)
        folder.mkdir()
    (place / "verdict.txt").unlink(missing_ok=True)
    datasite = box / os.environ["SYFTBOX_EMAIL"]
    own = [datasite / kind / "syft_datasets" for kind in ("public", "private")]
    readable: list[str | Path] = [code, template, *own, box / "private" / "syft_datasets", sys.base_prefix, *_MACHINE]
    # an allow list: the variables of the owner's shell are none of the job's business
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "SYFTBOX_FOLDER": str(box),
        "SYFTBOX_EMAIL": os.environ["SYFTBOX_EMAIL"],
        "SYFT_IS_IN_JOB": "true",
    }

    def fence() -> None:
        confine.limit()
        if confine.available():
            confine.restrict(readable, [scratch, outputs, "/dev/null"])

    with subprocess.Popen(
        # isolated: no file beside main.py passes for a package
        [template / "bin" / "python", "-I", "-u", ENTRY],
        cwd=code,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        preexec_fn=fence,
        process_group=0,
    ) as child:
        try:
            _watch(child, place / "log.txt", lambda: _look(child.pid, outputs, scratch))
        except _Stopped as why:
            return f"stopped: {why}"
        finally:
            _end(child.pid)
            ended = child.wait()
    try:
        _look(child.pid, outputs, scratch)
    except _Stopped as why:
        return f"stopped: {why}"
    finally:
        tree.remove(scratch)
    return f"failed: exit code {ended}" if ended else "done"


def _end(group: int) -> None:
    """SIGKILL to all that the job has started, which can't leave its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _watch(child: subprocess.Popen[bytes], log: Path, look: Callable[[], None]) -> None:
    """Copy what the job prints to the owner's log until it ends.

    Raises:
        _Stopped: it went too far.
    """
    waiting, printed, looked = selectors.DefaultSelector(), 0, 0.0
    assert child.stdout is not None
    waiting.register(child.stdout, selectors.EVENT_READ)
    with log.open("wb", buffering=0) as kept:
        while waiting.get_map():
            for key, _ in waiting.select(_POLL_SECONDS):
                text = os.read(key.fd, 65536)
                if not text:
                    waiting.unregister(key.fileobj)
                printed += len(text)
                kept.write(text[: max(0, MOST_BYTES - printed + len(text))])
            if printed > MOST_BYTES:
                raise _Stopped(f"it printed more than {MOST_BYTES:,} bytes")
            if time.monotonic() - looked > _POLL_SECONDS:
                looked = time.monotonic()
                look()
            if child.poll() is not None and not waiting.select(0):
                return  # what it left running does not hold us up, and is ended


def _look(group: int, *folders: Path) -> None:
    """Raise _Stopped where a job has written or started too much."""
    for folder in folders:
        files, size, deep = tree.measure(folder, MOST_DEEP, MOST_FILES)
        if size > MOST_BYTES:
            raise _Stopped(f"it wrote more than {MOST_BYTES:,} bytes")
        if files > MOST_FILES:
            raise _Stopped(f"it made more than {MOST_FILES:,} files")
        if deep:
            raise _Stopped(f"it made folders more than {MOST_DEEP} deep")
    processes, resident = _group(group)
    if processes > MOST_PROCESSES:
        raise _Stopped(f"it started more than {MOST_PROCESSES} processes")
    if resident > MOST_RESIDENT:
        raise _Stopped(f"it took more than {MOST_RESIDENT:,} bytes of memory")


def _group(group: int) -> tuple[int, int]:
    """Processes of a group, and the bytes of memory that they hold; zeros where there is no /proc."""
    processes, pages = 0, 0
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else []):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                processes, pages = processes + 1, pages + int(fields[21])
    return processes, pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
