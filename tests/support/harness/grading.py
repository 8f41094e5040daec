"""Grades answers to a notebook's exercises in a process of the notebook's own, which lives until the notebook's tests are done."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from watch import Watch

from companion.book import Chapter
from harness import chapters

PROGRAM = Path(__file__).with_name("grading_process.py")
#: nbgrader's own limit is 300 s a cell; an answer takes a few seconds where nothing else runs
ANSWER_SECONDS = 300
SETUP_SECONDS = 600
END_SECONDS = 120


class Hanging(AssertionError):
    """A cell that did not come to its end in time."""


class GradingProcess:
    """One process with a set-up done, in which any number of answers are graded one after the other.

    Args:
        name: of the module that the cells run in.
        setup: sources of the set-up cells.
        folder: its working directory.
        env: variables beside the inherited ones.
        log: file that takes what the cells print.
        answer_seconds: after which an answer hangs.

    Raises:
        AssertionError: the set-up failed.
    """

    def __init__(
        self,
        name: str,
        setup: list[str],
        folder: Path,
        env: dict[str, str],
        log: Path,
        answer_seconds: float = ANSWER_SECONDS,
    ):
        self.name, self.log, self.answer_seconds = name, log, answer_seconds
        incoming, self._requests = os.pipe()
        self._replies, outgoing = os.pipe()
        with log.open("ab") as said:
            self.process = subprocess.Popen(
                # -P: the program's own folder is no part of what a notebook can import; __main__ in the module's name: Dask sends
                # functions whole when it sees that, as it does those of a kernel
                [sys.executable, "-P", str(PROGRAM), f"exercise_{name}__main__", str(incoming), str(outgoing)],
                cwd=folder,
                env={**os.environ, **env},
                pass_fds=(incoming, outgoing),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        os.close(incoming)
        os.close(outgoing)
        self._unread = b""
        for error in self.ask(setup, "the set-up", seconds=SETUP_SECONDS)["errors"]:
            if error:
                self.kill()
                raise AssertionError(f"the set-up of {name} failed:\n{error['trace']}\n{self.said()}")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        """The end of what the cells have printed."""
        return self.log.read_text(errors="replace")[-2000:]

    def ask(self, cells: list[str], what: str, *, go_on: bool = False, seconds: float | None = None) -> dict:
        """Run cells in a fresh namespace on top of the set-up.

        Args:
            cells: their sources.
            what: how a message names them.
            go_on: whether what stands after a failed cell runs too.
            seconds: the time limit.

        Raises:
            Hanging: the time was up; the process is gone then.
            AssertionError: the process ended itself.
        """
        seconds = seconds or self.answer_seconds
        os.write(self._requests, (json.dumps({"cells": cells, "go_on": go_on}) + "\n").encode())
        end = time.monotonic() + seconds
        while b"\n" not in self._unread:
            if select.select([self._replies], [], [], 0.2)[0]:
                new = os.read(self._replies, 1 << 16)
                self._unread += new
                if new:
                    continue
            if not self.alive:
                raise AssertionError(
                    f"{self.name}, {what}: ended its process ({self.process.returncode})\n{self.said()}"
                )
            if time.monotonic() > end:
                self.kill()
                raise Hanging(f"{self.name}, {what}: no end after {seconds:g} s\n{self.said()}")
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def close(self) -> None:
        """End it as an interpreter ends, and wait until it has."""
        self._close_pipes()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Hanging(
                f"{self.name}: the process did not end by itself after {END_SECONDS} s\n{self.said()}"
            ) from None

    def kill(self) -> None:
        """End it and what shares its session, at once."""
        self._close_pipes()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _close_pipes(self) -> None:
        for end in (self._requests, self._replies):
            if end >= 0:
                os.close(end)
        self._requests = self._replies = -1


class Exercises:
    """A notebook's exercises: their grading process, and the watch over what it leaves behind.

    A process that an answer has brought down is followed by another, so that each answer has a verdict of its own.
    """

    def __init__(self, chapter: Chapter, scratch: Path):
        self.chapter, self.scratch = chapter, scratch
        self._watch: Watch | None = None
        self._process: GradingProcess | None = None

    def _ask(self, cells: list[str], what: str, *, go_on: bool = False) -> dict:
        if self._watch is None:
            self._watch = Watch(self.scratch)
        if self._process is None or not self._process.alive:
            folder, log = chapters.NOTEBOOKS / self.chapter.unit, self.scratch.with_name("exercises.log")
            setup = chapters.setup(self.chapter)
            self._process = GradingProcess(self.chapter.name, setup, folder, self._watch.environment, log)
        return self._process.ask(cells, what, go_on=go_on)

    def grade(self, exercise: str, label: str, answer: str) -> dict | None:
        """What an answer and then its tests raise; None for full marks."""
        reply = self._ask([answer, *chapters.tests(self.chapter, exercise)], f"{exercise}: {label}")
        return next((error for error in reply["errors"] if error), None)

    def round(self, cells: list[str], what: str) -> dict:
        """All cells one after the other, as nbgrader runs them: what each one raises, and which shared memory was left."""
        return self._ask(cells, what, go_on=True)

    def close(self) -> None:
        """End the process.

        Raises:
            AssertionError: it left something behind; it is named.
        """
        process, self._process = self._process, None
        watch, self._watch = self._watch, None
        if watch is None:
            return
        try:
            if process is not None and process.alive:
                process.close()
            watch.check()
        finally:
            watch.remove()


def fits(error: dict | None, hint: str) -> bool:
    """Whether it is an AssertionError whose text holds what the pattern asks for."""
    return error is not None and "AssertionError" in error["kinds"] and re.search(hint, error["text"]) is not None
