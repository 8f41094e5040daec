"""A process that runs a notebook's set-up cells once and grades answers on top of it.

It speaks lines of JSON: what it reads on its standard input, what it says on the descriptor that its command line names. First it
reads the set-up and says ``ready``, with a reason where forking is not safe; then it reads what to grade and how, and says a line
for each answer as it is done.

``fork``: every answer in a child of this process, which has a copy of all that the set-up made; several at a time. ``here``: one
after the other in this process; whoever started it ends it when an answer takes too long, or dies of what an answer did.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import types
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

TOO_LONG = "too long"
#: Dask sends functions whole when it sees __main__ in a name, as it does those of a kernel
_MODULE = "exercise_under_test__main__"
_POLL_SECONDS = 0.01
_MOST_MEMORY = 4 * 2**30


@dataclass(frozen=True)
class Limits:
    """What an answer may take: seconds of a processor, which a loop uses up however busy the machine is, and seconds by the clock."""

    processor: float
    clock: float


@dataclass(frozen=True)
class Answer:
    """An answer to be graded: the cells to run after the set-up, and what they may take."""

    number: int
    cells: tuple[str, ...]
    limits: Limits


@dataclass(frozen=True)
class Verdict:
    """What became of an answer.

    Attributes:
        outcome: ``full marks``, ``caught``, ``too long`` or ``died``.
        reason: the first line of what was raised.
        processor: seconds of a processor that it took.
        clock: seconds by the clock.
    """

    number: int
    outcome: str
    reason: str = ""
    processor: float = 0.0
    clock: float = 0.0


class Setup:
    """The names that a notebook's set-up cells leave."""

    def __init__(self, cells: list[str]):
        self.module = types.ModuleType(_MODULE)
        sys.modules[_MODULE] = self.module
        for source in cells:
            exec(source, vars(self.module))  # noqa: S102  (the project's own cells)
        if cloudpickle := sys.modules.get("cloudpickle"):
            # a worker elsewhere gets the functions of these cells whole, as it gets those of a kernel
            cloudpickle.register_pickle_by_value(self.module)

    def grade(self, answer: Answer) -> Verdict:
        """Run an answer and its tests in a namespace of their own."""
        module = types.ModuleType(_MODULE)
        vars(module).update(vars(self.module))
        sys.modules[_MODULE] = module  # functions pickle by the module they were defined in
        start, used = time.monotonic(), time.process_time()
        outcome, reason = "full marks", ""
        try:
            for source in answer.cells:
                exec(source, vars(module))  # noqa: S102
        except BaseException as error:
            first = str(error).partition("\n")[0]
            outcome, reason = "caught", f"{type(error).__name__}: {first}"[:200]
        finally:
            sys.modules[_MODULE] = self.module
        return Verdict(answer.number, outcome, reason, time.process_time() - used, time.monotonic() - start)


def why_not_fork() -> str:
    """What a copy of this process would lack or share; '' when there is nothing of the kind.

    A child has one thread, whatever its parent had, and locks that other threads held stay locked (TensorFlow, gRPC, Dask's
    loop). It shares its parent's connections, and two speak on one of them at a time (Redis, PostgreSQL, Spark's JVM). Its
    parent's children are not its own. All three are looked for in the process as the set-up has left it.
    """
    import psutil

    me = psutil.Process()
    if (threads := me.num_threads()) > 1:
        return f"{threads} threads"
    if children := [child.name() for child in me.children() if not _is_tracker(child)]:
        return f"children of its own ({', '.join(children)})"
    if connections := me.net_connections("all"):
        return f"{len(connections)} open connections"
    return ""


def _is_tracker(process: Any) -> bool:
    """The process in which multiprocessing keeps book of shared memory: a child may share it."""
    return any("resource_tracker" in word for word in process.cmdline())


# Forked


def grade_forked(setup: Setup, answers: list[Answer], at_a_time: int) -> Iterator[Verdict]:
    """Grade each answer in a child of its own, some at a time."""
    waiting = list(reversed(answers))
    running: dict[int, _Child] = {}
    parent = os.getppid()
    try:
        while waiting or running:
            while waiting and len(running) < at_a_time:
                child = _Child(setup, waiting.pop())
                running[child.pid] = child
            for pid, child in list(running.items()):
                if verdict := child.verdict():
                    del running[pid]
                    yield verdict
            if os.getppid() != parent:  # nobody listens any more
                return
            time.sleep(_POLL_SECONDS)
    finally:
        for child in running.values():
            child.end()


class _Child:
    def __init__(self, setup: Setup, answer: Answer):
        self.answer, self.start = answer, time.monotonic()
        self.folder = tempfile.TemporaryDirectory(prefix="mutant-", ignore_cleanup_errors=True)
        self.pid = os.fork()
        if self.pid == 0:
            code = 3
            try:
                code = self._run(setup)
            finally:
                os._exit(code)

    def _run(self, setup: Setup) -> int:
        """In the child: grade, and leave the verdict in the folder."""
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ["TMPDIR"] = tempfile.tempdir = os.environ["COMPANION_WORKSPACE"] = self.folder.name
        os.chdir(self.folder.name)
        _note_shared_memory(Path(self.folder.name))
        _limit(self.answer.limits.processor)
        verdict = setup.grade(self.answer)
        done = Path(self.folder.name) / "verdict.part"
        done.write_text(json.dumps(asdict(verdict)))
        done.rename(done.with_name("verdict"))
        return 0

    def verdict(self) -> Verdict | None:
        """The verdict when the child has ended or has to; nothing of it is left then."""
        clock = time.monotonic() - self.start
        pid, status, used = os.wait4(self.pid, os.WNOHANG)
        late = pid == 0 and clock > self.answer.limits.clock
        if pid == 0 and not late:
            return None
        if late:
            os.kill(self.pid, signal.SIGKILL)
            _, status, used = os.wait4(self.pid, 0)
        verdict = self._written() or _unwritten(self.answer, status, late)
        self._clean_up()
        return Verdict(verdict.number, verdict.outcome, verdict.reason, used.ru_utime + used.ru_stime, clock)

    def end(self) -> None:
        """End it before it has a verdict."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._clean_up()

    def _clean_up(self) -> None:
        """Take away what an ended child has left."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        _unlink_shared_memory(Path(self.folder.name))
        self.folder.cleanup()

    def _written(self) -> Verdict | None:
        with suppress(FileNotFoundError):
            return Verdict(**json.loads((Path(self.folder.name) / "verdict").read_text()))
        return None


def _unwritten(answer: Answer, status: int, late: bool) -> Verdict:
    if late or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        return Verdict(answer.number, TOO_LONG)
    return Verdict(answer.number, "died", f"exit code {os.waitstatus_to_exitcode(status)}")


def _limit(processor: float) -> None:
    """SIGXCPU after so many more seconds of a processor, and an end to memory."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + processor) + 1, hard))
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + _MOST_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _note_shared_memory(folder: Path) -> None:
    """Keep a list of the shared memory that is made from here on: an answer that is killed can't unlink it."""
    register = resource_tracker.register

    def noted(name: Any, rtype: str) -> None:
        if rtype == "shared_memory":
            with open(folder / "shared_memory", "a") as names:
                print(str(name).lstrip("/"), file=names)
        register(name, rtype)

    resource_tracker.register = noted


def _unlink_shared_memory(folder: Path) -> None:
    with suppress(FileNotFoundError):
        for name in (folder / "shared_memory").read_text().split():
            with suppress(FileNotFoundError):
                (Path("/dev/shm") / name).unlink()  # noqa: S108


# In this process


def grade_here(setup: Setup, answers: list[Answer]) -> Iterator[Verdict]:
    """Grade the answers one after the other; an answer that takes too much processor ends this process."""
    folder = Path(os.environ["COMPANION_WORKSPACE"])
    _note_shared_memory(folder)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # an answer that catches everything can't hold it up
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    for answer in answers:
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime + answer.limits.processor) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        yield setup.grade(answer)
        _unlink_shared_memory(folder)


def _end_with(parent: int) -> None:
    """End this process, and what it has started in its session, when nobody listens any more."""
    while os.getppid() == parent:
        time.sleep(1)
    _remove_folder()
    os.killpg(os.getpgid(0), signal.SIGTERM)


def _remove_folder() -> None:
    """What whoever started this process would have done."""
    shutil.rmtree(os.environ["COMPANION_WORKSPACE"], ignore_errors=True)


def main(descriptor: int) -> None:
    """Speak with whoever started this process, and clean up when that has gone."""
    parent = os.getppid()
    try:
        _serve(descriptor)
    except BrokenPipeError:  # nobody listens any more
        pass
    finally:
        if os.getppid() != parent:
            _remove_folder()


def _serve(descriptor: int) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.set_inheritable(descriptor, False)
    # an answer that asks for input finds none, and does not take what is meant for this process
    orders = os.fdopen(os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    with orders, os.fdopen(descriptor, "w") as lines:

        def say(**words: Any) -> None:
            lines.write(json.dumps(words) + "\n")
            lines.flush()

        start = time.monotonic()
        try:
            setup = Setup(json.loads(orders.readline()))
        except Exception as error:
            say(failed=f"{type(error).__name__}: {error}")
            return
        say(ready=time.monotonic() - start, not_forkable=why_not_fork())
        for line in orders:
            order = json.loads(line)
            answers = [Answer(number, tuple(cells), Limits(*limits)) for number, cells, limits in order["answers"]]
            grade = grade_here(setup, answers) if order["here"] else grade_forked(setup, answers, order["at_a_time"])
            for verdict in grade:
                say(**asdict(verdict))
            say(done=True)
