"""A build's log, read: which steps the engine made, which it took from its cache, and why it stopped.

The log is the one of Docker's classic builder, which the SDK's ``api.build`` talks to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from companion.errors import EngineUnavailable, SettingError


@dataclass(frozen=True)
class Build:
    """A finished build.

    Attributes:
        id: of the image.
        seconds: from the first line of the log to the last.
        steps: for each step its text, and whether it came from the cache; the label of the session is left out.
    """

    id: str
    seconds: float
    steps: tuple[tuple[str, bool], ...]

    @property
    def made(self) -> list[str]:
        """The steps that the engine made now, in order."""
        return [text for text, cached in self.steps if not cached]

    def __str__(self) -> str:
        return f"{self.seconds:6.1f} s   {len(self.made):2} steps made, {len(self.steps) - len(self.made):2} from the cache"


def follow(log: Iterable[dict[str, Any]]) -> Build:
    """Read the decoded log of a build to its end.

    Raises:
        EngineUnavailable: the packages could not be downloaded, so that nothing can be built on this engine.
        SettingError: any other step failed; the message is the engine's.
    """
    began, ident, steps = perf_counter(), "", list[list[Any]]()
    for line in log:
        text = line.get("stream", "").strip()
        if line.get("error"):
            step = steps[-1][0] if steps else "its first step"
            if " pip " in step and " download " in step:
                raise EngineUnavailable(
                    f"the engine answers, but its build can't download the packages: {line['error'].strip()}. "
                    "Give it a network, or set PIP_INDEX_URL to a package index that it reaches."
                )
            raise SettingError(f"the build stopped at {step[:80]!r}: {line['error'].strip()}")
        if text.startswith("Step "):
            steps.append([" ".join(text.partition(" : ")[2].split()), False])
        elif text == "---> Using cache":
            steps[-1][1] = True
        ident = line.get("aux", {}).get("ID", ident)
    start = next(
        (i for i, (text, _) in enumerate(steps) if text.startswith("FROM ")), 0
    )  # an ARG before it makes nothing
    kept = [(text, cached) for text, cached in steps[start:] if not text.startswith(("LABEL ", "FROM "))]
    return Build(ident, perf_counter() - began, tuple(kept))
