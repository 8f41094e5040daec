"""What a step sees."""

from __future__ import annotations

import re
import threading
import time
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jenkinsfile.runner.results import Aborted, Build, Halted, StageRun, worst
from jenkinsfile.runner.starter import Starter

#: after a timeout Jenkins waits that long for what still runs, such as post, before it ends that as well
GRACE_SECONDS = 60


@dataclass
class Interrupt:
    """Something that ends a step once: a timeout, or the failure of another branch.

    Attributes:
        reason: what it says.
        deadline: on the clock of ``time.monotonic``.
        signal: set when another branch has failed.
        taken: whether a step was ended by it; what comes after that step, its post for one, runs on.
    """

    reason: str
    deadline: float = float("inf")
    signal: threading.Event = field(default_factory=threading.Event)
    taken: bool = False

    def is_due(self) -> bool:
        """Whether the present step has to end."""
        late = time.monotonic() - self.deadline
        return late > GRACE_SECONDS if self.taken else late > 0 or self.signal.is_set()


@dataclass
class Scope:
    """What a step sees: variables, parameters, the folder, until when, and where it prints.

    Attributes:
        variables: all environment variables, those of this machine among them.
        interrupts: what can end a step, the innermost last.
        halt: set when the runner itself has to end.
        enclosing: the records of the stages around it, the innermost last.
        build: the result so far; one for the whole run.
        node: whether an agent is allocated.
        starter: what starts the commands of the whole run.
        locals: the variables of a ``script`` block, those of the innermost block first.
        left_out: where is noted what is not done here; one list for the whole run.
    """

    variables: dict[str, str]
    parameters: dict[str, Any]
    folder: Path = Path()
    interrupts: tuple[Interrupt, ...] = ()
    halt: threading.Event = field(default_factory=threading.Event)
    output: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    enclosing: tuple[StageRun, ...] = ()
    build: Build = field(default_factory=Build)
    node: bool = True
    starter: Starter = field(default_factory=Starter)
    locals: ChainMap[str, Any] = field(default_factory=ChainMap)

    def seen(self) -> Mapping[str, str]:
        """The environment variables as a command sees them, with those that ``env.NAME = ...`` has set."""
        return {**self.variables, **self.build.assigned}

    def with_locals(self) -> Scope:
        """The same scope, but that what a block declares ends with it."""
        return replace(self, locals=self.locals.new_child())

    def inside(self, **changes: Any) -> Scope:
        """The scope of a block: as this one but for the changes; variables set in it end with it."""
        return replace(self, variables=dict(self.variables), **changes)

    def interrupted_by(self, interrupt: Interrupt) -> Scope:
        """The scope of a block that one more interrupt can end."""
        return self.inside(interrupts=(*self.interrupts, interrupt))

    def override(self, values: Mapping[str, str]) -> None:
        """Set variables as Jenkins's ``EnvVars.overrideExpandingAll`` does.

        ``$NAME`` in a value is replaced, that of a variable set here by its new value, an unknown one stays; an empty value
        unsets a variable, and ``PATH+ANY`` stands before what PATH holds.
        """
        left = dict(sorted(values.items(), key=lambda pair: "+" in pair[0]))
        while left:
            free = [name for name in left if not (set(_macros(left[name])) & set(left)) - {name}]
            name = free[0] if free else next(iter(left))
            self._set(name, _expanded(left.pop(name), self.seen()))

    def _set(self, name: str, value: str) -> None:
        name, plus, _ = name.partition("+")
        if plus and self.variables.get(name):
            value = f"{value}:{self.variables[name]}"
        if value:
            self.variables[name] = value
        else:
            self.variables.pop(name, None)

    def warn(self, status: str) -> None:
        """Give the stages around this step a status, though nothing fails."""
        for record in self.enclosing:
            with self.build.lock:
                record.warning = worst(record.warning, status)

    def check(self) -> None:
        """Aborted when an interrupt is due: it is taken then. Halted when the runner ends."""
        if self.halt.is_set():
            raise Halted
        for interrupt in self.interrupts:
            if interrupt.is_due():
                interrupt.taken = True
                aborted = Aborted(interrupt.reason)
                aborted.source = interrupt
                raise aborted

    def wait(self, seconds: float) -> None:
        """Wait, and look for interrupts meanwhile."""
        end = time.monotonic() + seconds
        while True:
            self.check()
            left = end - time.monotonic()
            if left <= 0:
                return
            self.halt.wait(min(left, 0.02))


_MACRO = re.compile(r"\$(?:(\w+)|\{([\w.]+)\}|\$)", re.ASCII)


def _macros(value: str) -> list[str]:
    """The variables that a value names with a dollar sign."""
    return [match[1] or match[2] for match in _MACRO.finditer(value) if match[1] or match[2]]


def _expanded(value: str, variables: Mapping[str, str]) -> str:
    """A value with its variables replaced, as hudson.Util.replaceMacro does."""
    return _MACRO.sub(lambda match: "$" if match[0] == "$$" else variables.get(match[1] or match[2], match[0]), value)
