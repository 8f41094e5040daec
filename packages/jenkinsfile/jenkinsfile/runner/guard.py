"""Runs the commands of a pipeline and ends each, with all that it has started, when the runner is gone, however it went.

Nothing inside a process covers its own SIGKILL. So each command is the child of a guard, which notices the end of the runner in
two ways: its standard input closes, or it gets a new parent. A run starts this program once, and it forks a guard for every
command: starting Python takes ten times as long as the command mostly does.

usage: python guard.py, with a Unix socket as its standard input. A request is a line with a length, and so many bytes of JSON: the
command, its folder, its environment. With it come four open files: the guard's standard input, the command's output and errors,
and where the guard writes the exit code.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import sys
import time

_POLL_SECONDS = 0.3
_GRACE_SECONDS = 5.0
_PROC = "/proc"


def main() -> int:
    """Fork a guard for each request, until the runner closes the socket or is gone."""
    # the runner's Ctrl-C is not for the commands
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, woken = socket.socket(fileno=0), _wake_at_a_childs_end()
    while True:
        _reap()
        ready, _, _ = select.select([requests.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 512)
        if requests.fileno() in ready:
            if (request := receive(requests)) is None:
                break
            command, files = request
            if os.fork() == 0:
                requests.detach()
                os._exit(_guard(command, files))
            for file in files:
                os.close(file)
    while _reap():  # each ends by itself: its standard input is closed as well
        select.select([woken], [], [], _POLL_SECONDS)
    return 0


def send(
    requests: socket.socket, command: list[str], folder: str, environment: dict[str, str], files: list[int]
) -> None:
    """Ask for a command: what ``receive`` reads."""
    text = json.dumps([command, folder, environment]).encode("utf-8", "surrogateescape")
    socket.send_fds(requests, [b"%20d" % len(text)], files)
    requests.sendall(text)


def receive(requests: socket.socket) -> tuple[list, list[int]] | None:
    """The next request and its open files; None when there is none any more."""
    size, files, _, _ = socket.recv_fds(requests, 20, 4)
    if not size:
        return None
    text = b""
    while len(text) < int(size):
        text += requests.recv(int(size) - len(text)) or sys.exit(0)
    return json.loads(text.decode("utf-8", "surrogateescape")), files


def _guard(request: list, files: list[int]) -> int:
    """Run one command to its end, or to the runner's, and write down its exit code."""
    parent = os.getppid()
    standard, status = files[:3], files[3]
    for number, file in enumerate(standard):
        os.dup2(file, number)
        os.close(file)
    os.set_inheritable(status, False)
    os.setsid()
    code = 1
    try:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _adopt_orphans()
        command, folder, environment = request
        code = _watch(command, folder, environment, parent)
    except SystemExit:
        pass
    finally:
        with contextlib.suppress(OSError):
            os.write(status, b"%d\n" % code)
    return 0


def _watch(command: list[str], folder: str, environment: dict[str, str], parent: int) -> int:
    """The exit code of a command, as a shell says it; nothing of it is left then."""
    woken = _wake_at_a_childs_end()
    try:
        os.chdir(folder)
        child = _start(command, environment)
    except OSError as error:
        print(f"{error.filename or command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 127
    code = None
    try:
        while (code := _ended(child)) is None and os.getppid() == parent:
            ready, _, _ = select.select([0, woken], [], [], _POLL_SECONDS)
            if 0 in ready:  # only ever end of file: nobody writes here
                break
            if ready:
                os.read(woken, 512)
        return 128 + signal.SIGTERM if code is None else code
    finally:
        _stop(child, ended=code is not None)
        _kill_detached()


def _wake_at_a_childs_end() -> int:
    """A file that can be read when a child has ended."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return woken


def _start(command: list[str], environment: dict[str, str]) -> int:
    """Start a command in a session of its own, without input; its process."""
    silent = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]
    default = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGCHLD]
    # posix_spawnp looks for the program on this process's own path
    os.environ["PATH"] = environment.get("PATH", os.defpath)
    return os.posix_spawnp(command[0], command, environment, file_actions=silent, setsid=True, setsigdef=default)


def _ended(child: int) -> int | None:
    """The exit code of a child that has ended."""
    process, status = os.waitpid(child, os.WNOHANG)
    if not process:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _stop(child: int, *, ended: bool) -> None:
    """SIGTERM to the command's whole session, SIGKILL to what is left after a grace period."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child, sig)
        except ProcessLookupError:
            return
        end = time.monotonic() + _GRACE_SECONDS
        while not ended and time.monotonic() < end:
            ended = _ended(child) is not None
            if not ended:
                time.sleep(0.01)
        if not ended:
            continue
        # the leader is gone; helpers of its own may not be
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        return


def _adopt_orphans() -> None:
    """What detaches itself from the command becomes a child of this process, which then finds it. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, of linux/prctl.h


def _kill_detached() -> None:
    """SIGKILL to what the command started in a session of its own."""
    for _ in range(50):  # a killed process hands its children on
        if not _reap():
            return
        left = descendants(os.getpid())
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _reap() -> bool:
    """Take note of children that have ended, so that they are gone; whether there are others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def descendants(pid: int) -> list[int]:
    """The processes below one: its children, and theirs."""
    children: dict[int, list[int]] = {}
    for child, parent in _parents():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    ahead = [pid]
    while ahead:
        below = children.get(ahead.pop(), [])
        found += below
        ahead += below
    return found


def _parents() -> list[tuple[int, int]]:
    """Every process with its parent."""
    if not os.path.exists(f"{_PROC}/self/stat"):
        import subprocess  # takes as long to load as all the rest

        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True).stdout
        return [(int(pid), int(parent)) for pid, parent in map(str.split, listed.splitlines())]
    found = []
    for name in filter(str.isdigit, os.listdir(_PROC)):
        with contextlib.suppress(OSError), open(f"{_PROC}/{name}/stat", "rb") as stat:  # it may just have ended
            # the second field, a name in parentheses, can hold anything
            found.append((int(name), int(stat.read().rpartition(b")")[2].split()[1])))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
