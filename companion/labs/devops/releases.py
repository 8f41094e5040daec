"""A machine for releases beside the kernel, questions to what serves there, and pictures of a run and of the answers.

The machine is ``scripts/machine.py``; ``scripts/deploy.py`` (the make targets) puts releases on it. Nothing here looks into
its files to learn what serves: that is asked over HTTP.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from companion import checkout, draw
from companion.processes import environment
from companion.processes.server import Server

if TYPE_CHECKING:
    from jenkinsfile import runner
    from matplotlib.figure import Figure

COLOURS = {"success": draw.GREEN, "failure": draw.RED, "skipped": "#bbbbbb", "not reached": "#bbbbbb"}
_running: Server | None = None


class Answer(NamedTuple):
    """Of one question: the status, and the release that gave it (empty where the answer does not say)."""

    status: int
    release: str


def machine(settings: Mapping[str, str]) -> Server:
    """Start the machine for the releases in ``settings["STATE"]``; it ends with this kernel. One of an earlier call is stopped.

    Raises:
        EngineUnavailable: it did not start.
    """
    global _running
    if _running is not None:
        _running.stop()
    state = Path(settings["STATE"])
    state.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(checkout.folder() / "scripts" / "machine.py")]
    _running = Server(command, log=state / "machine.log", env=environment.for_child(settings))
    _running.wait_until(lambda: (state / "machine.json").is_file(), "the machine")
    return _running


def by_hand(settings: Mapping[str, str], target: str, **more: str) -> list[str]:
    """Call a make target as a person would, for releases that are processes; the lines that it says."""
    env = {**environment.for_child(settings), "TARGET": "process", "MAKEFLAGS": "", **more}
    command = ["make", "--no-print-directory", target]
    done = subprocess.run(
        command, cwd=checkout.folder(), env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout.splitlines()


def restore(settings: Mapping[str, str], tag: str) -> None:
    """Put a release into both places where another one is, as after a cell that was interrupted."""
    state = Path(settings["STATE"])
    if not serves(state, "staging") == serves(state, "production") == tag:
        for target in ("staging", "smoke", "promote"):
            by_hand(settings, target, TAG=tag)


@contextmanager
def edited(path: Path, content: bytes) -> Iterator[None]:
    """A file with another content, for as long as the block takes."""
    before = path.read_bytes() if path.exists() else None
    try:
        path.write_bytes(content)
        yield
    finally:
        if before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before)


def address(state: Path, where: str) -> tuple[str, int] | None:
    """Host and port of the trial service in a place, None where nothing was put."""
    url = json.loads((state / "addresses.json").read_text(encoding="utf-8")).get(where, {}).get("hello")
    if url is None:
        return None
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def ask(state: Path, where: str, path: str, body: object = None) -> Answer:
    """One question over a connection of its own.

    Raises:
        OSError, http.client.HTTPException: nobody answered.
    """
    found = address(state, where)
    if found is None:
        raise ConnectionError(f"nothing was put in {where}")
    line = http.client.HTTPConnection(*found, timeout=30)
    try:
        line.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body))
        reply = line.getresponse()
        content = reply.read()
    finally:
        line.close()
    return Answer(reply.status, json.loads(content).get("release", "") if reply.status == 200 else "")


def serves(state: Path, where: str) -> str | None:
    """The release that answers in a place, None when nobody does."""
    try:
        return ask(state, where, "/readyz").release
    except (OSError, http.client.HTTPException):
        return None


def customers(state: Path, seed: int = 0) -> Callable[[], Answer]:
    """A function that asks production what a customer asks: up to 40 people in the queue, no to three counters open."""
    rng = Random(seed)  # noqa: S311

    def question() -> Answer:
        instance = {"queue": rng.randrange(40), "open": rng.randrange(4)}
        return ask(state, "production", "/predict", {"instances": [instance]})

    return question


def timeline(run: runner.Run, title: str) -> Figure:
    """A bar for every stage that holds steps, from when it began."""
    holders = {stage.path[:-1] for stage in run.stages}
    shown = [s for s in run.stages if s.status != "left out" and s.path not in holders]
    fig, ax = draw.figure(8, 0.5 + 0.38 * len(shown))
    for row, stage in enumerate(shown):
        ax.barh(row, max(stage.seconds, 0.02), left=stage.began, color=COLOURS.get(stage.status, "#bbbbbb"))
        ax.text(stage.began + stage.seconds, row, f" {stage.status}", va="center", fontsize=9)
    ax.set(yticks=range(len(shown)), yticklabels=[s.name for s in shown], xlabel="seconds since the start", title=title)
    ax.margins(x=0.2)
    ax.invert_yaxis()
    return fig


def answers(seen: Sequence[tuple[float, object]], names: Mapping[str, str], title: str) -> Figure:
    """Each answer as a dot at its second: one row for each release by its name, one for answers that are none (not status 200)."""
    rows = [*names.values(), "no good answer"]
    fig, ax = draw.figure(8, 2.2)
    for second, answer in seen:
        assert isinstance(answer, Answer)
        good = answer.status == 200
        row = rows.index(names[answer.release] if good else "no good answer")
        ax.plot(second, row, "o" if good else "x", markersize=3 if good else 6, color=draw.GREEN if good else draw.RED)
    ax.set(yticks=range(len(rows)), yticklabels=rows, xlabel="seconds since the first question", title=title)
    ax.margins(y=0.3)
    return fig
