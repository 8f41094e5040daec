"""Confines one PySyft job: which files it sees, no network, how much it writes, and who reads what it prints.

The kernel of Linux does it (Landlock for files, a seccomp filter for sockets), for a process without any privilege and for
all its children; a job can't take it off again. Where Landlock is missing, only the limits on output hold: see ``available``.

usage: python -m companion.engines.pysyft.confine BOX TEMPLATE -- COMMAND ARG...   (in the job's folder, as PySyft runs it)
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import selectors
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

#: of all that a job prints, and of all that it leaves in outputs/
MOST_BYTES = 1_000_000
_POLL_SECONDS = 0.2
_STOPPED = 125
#: that of no virtual environment
_INTERPRETER: str = getattr(sys, "_base_executable", sys.executable)

# linux/landlock.h: the same numbers on every processor
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ = 0b1101  # execute, read file, read folder
_FILE = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # what can be allowed on a file that is no folder
# write, remove, make folders and files. No links: PySyft copies what is in outputs/, and follows them as the owner
_WRITE = _READ | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
#: processor -> AUDIT_ARCH and the numbers of the calls socket and io_uring_setup
_CALLS = {"x86_64": (0xC000003E, 41, 425), "aarch64": (0xC00000B7, 198, 425)}

_libc = ctypes.CDLL(None, use_errno=True)


def available() -> bool:
    """Whether this machine can confine: Linux with Landlock, on a processor whose calls are known here."""
    return sys.platform == "linux" and platform.machine() in _CALLS and _landlock_version() >= 1


def _landlock_version() -> int:
    return _libc.syscall(_CREATE_RULESET, None, 0, 1)


def restrict(readable: Iterable[str | Path], writable: Iterable[str | Path]) -> None:
    """From here on this process and its children see these files and folders only, and can open no socket.

    Raises:
        OSError: the kernel refuses.
    """
    version = _landlock_version()
    rights = (1 << _RIGHTS_BY_VERSION[min(version, 5)]) - 1
    _check(_libc.prctl(38, 1, 0, 0, 0))  # PR_SET_NO_NEW_PRIVS
    signals = 0b11 if version >= 6 else 0  # no signals, no abstract sockets to processes outside
    attributes = struct.pack("QQQ", rights, 0, signals)[: 24 if version >= 6 else 8]
    ruleset = _check(_libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    for allowed, paths in ((_READ, readable), (_WRITE | (rights & 1 << 14), writable)):
        for path in paths:
            _allow(ruleset, Path(path), allowed)
    _check(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)
    _forbid_sockets()


def _allow(ruleset: int, path: Path, allowed: int) -> None:
    if not path.exists():
        return
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = struct.pack("=Qi", allowed if path.is_dir() else allowed & _FILE, folder)
    _check(_libc.syscall(_ADD_RULE, ruleset, 1, rule, 0))
    os.close(folder)


def _forbid_sockets() -> None:
    """A seccomp filter: ``socket`` and ``io_uring_setup`` fail with EACCES, calls of another processor's kind end the job."""
    arch, *forbidden = _CALLS[platform.machine()]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    program = [
        (load, 0, 0, 4),
        (equal, 1, 0, arch),
        (give, 0, 0, 0x80000000),  # end the process
        (load, 0, 0, 0),
        (at_least, 3, 0, 0x40000000),  # x86's other numbering of the same calls
        (equal, 2, 0, forbidden[0]),
        (equal, 1, 0, forbidden[1]),
        (give, 0, 0, 0x7FFF0000),  # allow
        (give, 0, 0, 0x00050000 | 13),  # EACCES
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    _check(_libc.prctl(22, 2, header, 0, 0))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _check(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"this machine refuses to confine: {os.strerror(ctypes.get_errno())}")
    return answer


def _environment(code: Path, template: Path) -> None:
    """The job's environment, in milliseconds: its own interpreter on the prepared packages, which it can only read."""
    venv = code / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(os.path.realpath(_INTERPRETER))
    (venv / "pyvenv.cfg").write_text((template / "pyvenv.cfg").read_text())
    (venv / "lib").symlink_to(template / "lib")
    (venv / "bin" / "activate").write_text('export VIRTUAL_ENV="$PWD/.venv"\nexport PATH="$VIRTUAL_ENV/bin:$PATH"\n')


def _size(folder: Path) -> int:
    """Bytes of all files below a folder that the job is filling meanwhile."""
    total = 0
    for where, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_size
    return total


def _watch(child: subprocess.Popen[bytes], log: Path, folders: list[Path]) -> str | None:
    """Copy what the job prints to the owner's log until it ends; a sentence if it went too far."""
    waiting, printed, looked = selectors.DefaultSelector(), 0, 0.0
    for stream in filter(None, (child.stdout, child.stderr)):
        waiting.register(stream, selectors.EVENT_READ)
    with log.open("wb", buffering=0) as kept:
        while waiting.get_map():
            for key, _ in waiting.select(_POLL_SECONDS):
                text = os.read(key.fd, 65536)
                if not text:
                    waiting.unregister(key.fileobj)
                printed += len(text)
                kept.write(text[: max(0, MOST_BYTES - printed + len(text))])
            if printed > MOST_BYTES:
                return f"stopped: it printed more than {MOST_BYTES:,} bytes"
            if time.monotonic() - looked > _POLL_SECONDS:
                looked = time.monotonic()
                if sum(map(_size, folders)) > MOST_BYTES:
                    return f"stopped: it wrote more than {MOST_BYTES:,} bytes"
            if child.poll() is not None and not waiting.select(0):
                return None  # what it left running does not hold us up: the guard ends it
    return None


def main(argv: list[str]) -> int:
    job, box, template, command = Path.cwd(), Path(argv[0]).resolve(), Path(argv[1]).resolve(), argv[3:]
    beside = box.with_name(f"{box.name}-jobs") / job.name  # not in the box, so PySyft doesn't send it
    scratch, log, outputs = beside / "tmp", beside / "log.txt", job / "code" / "outputs"
    scratch.mkdir(parents=True, exist_ok=True)
    _environment(job / "code", template)
    datasite = box / os.environ["SYFTBOX_EMAIL"]
    readable: list[str | Path] = [
        job,
        template,
        datasite / "public" / "syft_datasets",
        datasite / "private" / "syft_datasets",
    ]
    readable += [
        box / "private" / "syft_datasets",
        sys.base_prefix,
        *map(Path, os.environ["COMPANION_JOB_TOOLS"].split(os.pathsep)),
    ]
    readable += ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev/urandom", "/dev/random"]

    def confine() -> None:
        # more than a file may hold is an error in the job at once; the watch finds many files
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 * MOST_BYTES, 4 * MOST_BYTES))
        if available():
            restrict(readable, [scratch, outputs, "/dev/null"])

    env = {**os.environ, "HOME": str(scratch), "TMPDIR": str(scratch), "COMPANION_CONFINED": "1"}
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=env, preexec_fn=confine, process_group=0
    )
    verdict = _watch(child, log, [outputs, scratch])
    if verdict is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    code = child.wait()
    for path in list(
        outputs.rglob("*")
    ):  # links where they could not be forbidden, and all that a stopped job has left
        if path.is_symlink() or (verdict is not None and path.is_file()):
            path.unlink()
    if verdict is None and code:
        verdict = f"failed: exit code {code}"
    if verdict is not None:
        # all that PySyft may send back; the job's own words stay in the log
        print(verdict, file=sys.stderr)
        with log.open("a") as kept:
            kept.write(f"\n{verdict}\n")
    return _STOPPED if verdict and verdict.startswith("stopped") else code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
