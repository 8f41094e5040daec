"""Where it runs: one module an engine, each with one public function ``connect()``.

``connect()`` returns the engine's own client object. It goes to the address in the engine's standard environment variable;
without one it starts the embedded engine on loopback and takes it down when the client is closed, when the interpreter ends,
and when the kernel is killed. What can't be reached is an ``EngineUnavailable`` that says what to install or set.

Each module also has ``probe()``, which answers in a moment and starts nothing: it feeds ``companion doctor``.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Literal

#: in the order in which the book meets them
NAMES = (
    "dask",
    "spark",
    "pysyft",
    "litert",
    "redis",
    "postgres",
    "aws",
    "docker",
    "kubernetes",
    "prometheus",
    "jenkins",
)


@dataclass(frozen=True)
class Status:
    """What ``probe()`` found.

    Attributes:
        mode: ``embedded`` (starts on demand here), ``live`` (an address is set and answers), ``missing``.
        version: of the engine, or of its client where only that can be known without starting it.
        detail: where it lives; for a missing one, how to get it.
        optional: the notebooks have a labelled second path without it.
    """

    engine: str
    mode: Literal["embedded", "live", "missing"]
    version: str
    detail: str
    optional: bool = False


def probe(names: tuple[str, ...] = NAMES) -> list[Status]:
    """The status of the named engines, in that order."""
    return [import_module(f"companion.engines.{name}").probe() for name in names]
