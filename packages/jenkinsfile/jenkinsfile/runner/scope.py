"""What a step sees."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass
class Scope:
    """What a step sees: variables, parameters, the folder, until when, and where it prints.

    Attributes:
        deadline: on the clock of ``time.monotonic``.
        stop: set when another branch has failed, and this one shall end.
        left_out: where a step is noted that is not run here; one list for the whole run.
    """

    variables: dict[str, str]
    parameters: dict[str, Any]
    folder: Path = Path()
    deadline: float = float("inf")
    stop: threading.Event = field(default_factory=threading.Event)
    output: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def inside(self, **changes: Any) -> Scope:
        """The scope of a block: as this one but for the changes; variables set in it end with it."""
        return replace(self, variables=dict(self.variables), **changes)
