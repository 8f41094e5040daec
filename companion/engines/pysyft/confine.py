"""What the Linux kernel keeps from a process and all its children: files, sockets, other processes, and the rest of the machine.

Landlock fences files, a seccomp filter takes away calls, all of root's powers go, and limits hold for memory and size. None of it needs
a privilege, and a process can't take it off again. Landlock knows nothing of a file's *metadata*: the sizes and times of files
elsewhere stay visible (`stat`), which is said where it matters. Where Landlock is missing nothing of this holds: see ``available``.

Sources: man 7 landlock; man 2 seccomp; linux/landlock.h; asm/unistd_64.h (x86-64), asm-generic/unistd.h (aarch64).
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

#: address space of one process in bytes, and bytes in one file
MOST_MEMORY, MOST_FILE = 4 * 2**30, 4_000_000

# linux/landlock.h: the same numbers on every processor
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ = 0b1101  # execute, read file, read folder
_FILE = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # what can be allowed on a file that is no folder
# write, remove, make folders and files. No links: who reads what a job has left would follow them as the owner
_WRITE = _READ | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
#: processor -> AUDIT_ARCH, the column of its numbers below, and prlimit64
_PROCESSORS = {"x86_64": (0xC000003E, 0, 302), "aarch64": (0xC00000B7, 1, 261)}
#: name of a call -> its number on x86-64 and on aarch64; calls that a job has no use for
FORBIDDEN: dict[str, tuple[int | None, int | None]] = {
    # the network, and calls that Landlock and this filter do not see
    "socket": (41, 198),
    "io_uring_setup": (425, 425),
    # what outlives the job, or is shared with others beside files
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # a file's metadata: Landlock does not cover them
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    # the names of files as others make them
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    # out of the group that the fence ends as one
    "setsid": (112, 157),
    "setpgid": (109, 154),
    # other processes: their memory, their priority, their descriptors
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # other views of the machine, and the kernel's own doors
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
}
#: signals to any process of the account: where Landlock is older than its version 6 and does not keep them in
SIGNALS: dict[str, tuple[int | None, int | None]] = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}

_libc = ctypes.CDLL(None, use_errno=True)


def available() -> bool:
    """Whether this machine can confine: Linux with Landlock, on a processor whose calls are known here."""
    return sys.platform == "linux" and platform.machine() in _PROCESSORS and landlock_version() >= 1


def landlock_version() -> int:
    """The version of Landlock in this kernel; below 1 where there is none. From 6 on it keeps signals in."""
    return _libc.syscall(_CREATE_RULESET, None, 0, 1)


def limit() -> None:
    """From here on this process and its children have limits on memory and on the size of a file, and leave no core."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE, MOST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def restrict(readable: Iterable[str | Path], writable: Iterable[str | Path]) -> None:
    """From here on this process and its children see these files and folders only, and make none of the ``FORBIDDEN`` calls.

    Raises:
        OSError: the kernel refuses.
    """
    version = landlock_version()
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
    _give_up_powers()
    _forbid_calls(FORBIDDEN if version >= 6 else FORBIDDEN | SIGNALS)


def _allow(ruleset: int, path: Path, allowed: int) -> None:
    if not path.exists():
        return
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = struct.pack("=Qi", allowed if path.is_dir() else allowed & _FILE, folder)
    _check(_libc.syscall(_ADD_RULE, ruleset, 1, rule, 0))
    os.close(folder)


def _give_up_powers() -> None:
    """Where root runs this: no capability but that of reading (what Landlock allows). NO_NEW_PRIVS keeps it so."""
    header = struct.pack("II", 0x20080522, 0)
    kept = 1 << 2 if os.geteuid() == 0 else 0  # CAP_DAC_READ_SEARCH
    _check(_libc.capset(header, struct.pack("6I", kept, kept, 0, 0, 0, 0)))


def _forbid_calls(calls: dict[str, tuple[int | None, int | None]]) -> None:
    """A seccomp filter: these calls fail with EACCES, calls of another processor's kind end the process."""
    arch, column, prlimit = _PROCESSORS[platform.machine()]
    numbers = [pair[column] for pair in calls.values() if pair[column] is not None]
    n, load, equal, at_least, give = len(numbers), 0x20, 0x15, 0x35, 0x06
    program = [
        (load, 0, 0, 4),
        (equal, 1, 0, arch),
        (give, 0, 0, 0x80000000),  # end the process
        (load, 0, 0, 0),
        # the last two lines of the program: allow, refuse. Jumps count from the line after
        (at_least, n + 4, 0, 0x40000000),  # x86's other numbering of the same calls
        *((equal, n + 3 - place, 0, number) for place, number in enumerate(numbers)),
        (equal, 0, 2, prlimit),  # prlimit64 with another process' number in its first argument; 0 is oneself
        (load, 0, 0, 16),
        (equal, 0, 1, 0),
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
