"""Has answers graded by the exercise's own cells, so that no answer can harm the next one, nor this process.

A worker runs the set-up once. Where the set-up leaves a process that can be forked, every answer is graded in a child of the worker.
Where it does not (threads, connections, children), each worker grades a few answers in itself, and a new one with a set-up of its own takes
the next few. Either way the reference solution is graded last: where it has lost its full marks, an answer before it has changed what
they share (a file, a table), and each of them is graded again by a worker of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.processes import environment
from mutation.exercises import Exercises
from mutation.mutants import Mutant
from mutation.worker import TOO_LONG, Limits, Verdict

_SCRIPTS = Path(__file__).parents[1]
_START = "import sys; sys.path.append(sys.argv[1]); from mutation.worker import main; main(int(sys.argv[2]))"
_SETUP_SECONDS = 600
#: until the reference is graded, nobody knows how long an answer takes
_REFERENCE = Limits(processor=300, clock=600)
#: a library that starts threads of its own at its import can't be forked, and is no faster beside its like
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class SetupFailed(Exception):
    """The set-up cells, or a reference solution, do not run; the message says why."""


@dataclass(frozen=True)
class How:
    """How answers are graded.

    Attributes:
        at_a_time: so many at the same time.
        fork: whether to fork; None: where the set-up allows it.
        each: answers that a worker grades in itself before a new one takes over.
        processor: seconds of a processor that an answer may take; None: five, and five times what the reference takes.
    """

    at_a_time: int = 2
    fork: bool | None = None
    each: int = 10
    processor: float | None = None

    def limits(self, reference: Verdict) -> Limits:
        """What a mutant may take, from what the reference took."""
        processor = self.processor or 5 + 5 * reference.processor
        return Limits(processor, 30 + 3 * processor + 10 * reference.clock)


class Worker:
    """A process with the set-up done. Close it: then nothing of it is left."""

    def __init__(self, setup: tuple[str, ...]):
        self.folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        reads, says = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START, str(_SCRIPTS), str(says)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(says,),
                cwd=self.folder,
                env=self._environment(),
                text=True,
                start_new_session=True,
            )
        finally:
            os.close(says)
        self.heard, self._rest = reads, b""
        try:
            self._say(list(setup))
            ready = self.hear(_SETUP_SECONDS)
            if ready is None or "failed" in ready:
                raise SetupFailed(ready["failed"] if ready else f"the set-up took over {_SETUP_SECONDS} s, or died")
        except BaseException:
            self.close()
            raise
        self.not_forkable: str = ready["not_forkable"]
        self.setup_seconds: float = ready["ready"]

    def _environment(self) -> dict[str, str]:
        threads = dict.fromkeys(_ONE_THREAD, "1")
        return environment.for_child(threads, {"COMPANION_WORKSPACE": str(self.folder), "TMPDIR": str(self.folder)})

    def _say(self, words: Any) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died: hearing nothing says so
            self.process.stdin.write(json.dumps(words) + "\n")
            self.process.stdin.flush()

    def order(self, answers: list[tuple[int, list[str], Limits]], *, here: bool, at_a_time: int) -> None:
        """Have answers graded; ``hear`` their verdicts."""
        listed = [(number, cells, (limits.processor, limits.clock)) for number, cells, limits in answers]
        self._say({"answers": listed, "here": here, "at_a_time": at_a_time})

    def hear(self, seconds: float) -> dict[str, Any] | None:
        """The next line that it says; None when none comes in time, or it has ended."""
        end = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self.heard], [], [], max(0.0, end - time.monotonic()))
            piece = os.read(self.heard, 2**16) if ready else b""
            if not piece:
                return None
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def close(self, *, kindly: bool = True) -> None:
        """End it and all that it started, and remove its folder; ``kindly``: it may end by itself first."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        for sig, seconds in ((None, 20 if kindly else 0), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            if sig is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, sig)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        os.close(self.heard)
        shutil.rmtree(self.folder, ignore_errors=True)

    def lost(self) -> str:
        """The outcome of an answer at which nothing more was heard."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        if self.process.returncode is None:
            return "waits"
        return TOO_LONG if self.process.returncode == -signal.SIGXCPU else "died"


@dataclass(frozen=True)
class Graded:
    """What became of some mutants.

    Attributes:
        verdicts: in the order of the mutants.
        not_forked: why the answers were not graded in forks; '' when they were.
        setup_seconds: how long the set-up took.
    """

    verdicts: list[Verdict]
    not_forked: str
    setup_seconds: float


def grade(notebook: Exercises, mutants: Sequence[Mutant], how: How, progress: Callable[[], object]) -> Graded:
    """Grade mutants by the cells of their exercises; ``progress`` is called as each is done.

    Raises:
        SetupFailed: the set-up cells do not run, or a reference solution does not get full marks.
    """
    grading = _Grading(notebook, mutants, how)
    try:
        return grading.run(progress)
    finally:
        grading.close()


class _Grading:
    """Answers have numbers: mutants from 0 on, the reference solutions -1, -2 and so on."""

    def __init__(self, notebook: Exercises, mutants: Sequence[Mutant], how: How):
        self.setup, self.how, self.mutants = notebook.setup, how, mutants
        self.references = {-1 - at: exercise for at, exercise in enumerate(notebook.exercises)}
        by_name = {exercise.name: (number, exercise) for number, exercise in self.references.items()}
        self.reference_of = [by_name[mutant.exercise][0] for mutant in mutants]
        self.cells = {number: [one.solution, *one.tests] for number, one in self.references.items()}
        for number, mutant in enumerate(mutants):
            self.cells[number] = [mutant.source, *by_name[mutant.exercise][1].tests]
        self.limits = dict.fromkeys(self.references, _REFERENCE)
        self.here = False
        self.workers: set[Worker] = set()
        self.spare: Worker | None = None
        self.lock = threading.Lock()
        self.closed = False

    def run(self, progress: Callable[[], object]) -> Graded:
        self.spare = worker = self.worker()
        not_forked = worker.not_forkable if self.how.fork is None else "" if self.how.fork else "as asked for"
        self.here = bool(not_forked)
        self.measure(worker)
        numbers = list(range(len(self.mutants)))
        verdicts: dict[int, Verdict] = {}
        size, threads = (self.how.each, self.how.at_a_time) if self.here else (50, 1)
        batches = [numbers[at : at + size] for at in range(0, len(numbers), size)]
        with ThreadPoolExecutor(threads) as pool:
            try:
                for found in pool.map(lambda batch: self.batch(batch, progress), batches):
                    verdicts |= found
            except BaseException:
                self.close()
                pool.shutdown(cancel_futures=True)
                raise
        return Graded([verdicts[number] for number in numbers], not_forked, worker.setup_seconds)

    def worker(self) -> Worker:
        """A new one, which ``close`` ends at the latest."""
        worker = Worker(self.setup)
        self.workers.add(worker)
        if self.closed:
            self.close()
            raise KeyboardInterrupt
        return worker

    def close(self) -> None:
        """End the workers, and start no more."""
        self.closed = True
        while self.workers:
            self.workers.pop().close(kindly=False)

    def end(self, worker: Worker, *, kindly: bool) -> None:
        if worker in self.workers:
            self.workers.discard(worker)
            worker.close(kindly=kindly)

    def measure(self, worker: Worker) -> None:
        """Grade the reference solutions, and set the limits by what they take."""
        heard, _ = self.hear(worker, list(self.references))
        for number, exercise in self.references.items():
            verdict = heard.get(number) or Verdict(number, "died")
            if verdict.outcome != "full marks":
                raise SetupFailed(f"the reference solution of {exercise.name}: {verdict.outcome}, {verdict.reason}")
            self.limits[number] = self.how.limits(verdict)
        for number, reference in enumerate(self.reference_of):
            self.limits[number] = self.limits[reference]

    def hear(self, worker: Worker, numbers: list[int]) -> tuple[dict[int, Verdict], int | None]:
        """The verdicts of a worker, and the answer at which it was lost, if it was."""
        answers = [(number, self.cells[number], self.limits[number]) for number in numbers]
        worker.order(answers, here=self.here, at_a_time=self.how.at_a_time)
        heard: dict[int, Verdict] = {}
        for number in numbers:
            # a worker that forks keeps the time itself, of several at once
            patience = self.limits[number].clock if self.here else 60 + 2 * max(self.limits[n].clock for n in numbers)
            said = worker.hear(patience)
            if said is None:
                return heard, number
            heard[said["number"]] = Verdict(**said)
        worker.hear(60)  # done
        return heard, None

    def lend(self) -> Worker:
        """The worker that is free, or a new one."""
        with self.lock:
            worker, self.spare = self.spare, None
        return worker or self.worker()

    def give_back(self, worker: Worker, *, fine: bool) -> None:
        """Keep a worker for the next batch if it is as it was: one that grades in itself never is."""
        if fine and not self.here:
            self.spare = worker
        else:
            self.end(worker, kindly=fine)

    def batch(self, numbers: list[int], progress: Callable[[], object]) -> dict[int, Verdict]:
        """Grade some mutants, and the reference solutions after them; where these fail, each mutant alone."""
        found: dict[int, Verdict] = {}
        left = list(numbers)
        references = sorted({self.reference_of[number] for number in numbers}, reverse=True)
        while left:
            worker = self.lend()
            heard, lost = self.hear(worker, [*left, *references])
            fine = lost is None and all(heard[number].outcome == "full marks" for number in references)
            outcome = "" if lost is None else worker.lost()
            self.give_back(worker, fine=fine)
            if fine:
                found |= {number: heard[number] for number in left}
                for _ in left:
                    progress()
                break
            if self.here and lost is not None and lost >= 0:
                # it has used up its processor time; or it waits, perhaps for what an answer before it has left
                suspects = [lost]
                found[lost] = Verdict(lost, TOO_LONG) if outcome == TOO_LONG else self.alone(lost)
                progress()
            else:
                suspects = left
                for number in suspects:
                    found[number] = self.alone(number)
                    progress()
            left = [number for number in left if number not in suspects]
        return found

    def alone(self, number: int) -> Verdict:
        """The verdict of a worker that grades nothing else."""
        worker = self.worker()
        heard, _ = self.hear(worker, [number])
        verdict = heard.get(number) or Verdict(number, TOO_LONG if worker.lost() in (TOO_LONG, "waits") else "died")
        self.end(worker, kindly=number in heard)
        return verdict
