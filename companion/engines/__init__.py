"""Where it runs: one module an engine, each with one public function ``connect()``.

``connect()`` returns the engine's own client object. It goes to the address in the engine's standard environment variables
(``VARIABLES`` of its module); without one it starts the embedded engine on loopback and takes it down when the client is
closed, when the interpreter ends, and when the kernel is killed. What can't be reached is an ``EngineUnavailable`` that says
what to install or set. Its arguments are keywords, and the same word means the same everywhere:

====================  ==================================================================================
``folder``            where data are kept for a later call; always the embedded engine
``port``              of the embedded engine; a free one by default
``settings``          of the embedded engine, by the names in its own configuration
``timeout``           seconds to wait for a live engine's answer
further keywords      go to the engine's own client, where it has one that takes some
====================  ==================================================================================

(LiteRT connects to nothing: its function is ``interpreter()``.)
Each module also has ``probe()``, which answers in a moment and starts nothing: it feeds ``companion doctor``.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from companion.engines._ladder import Status
from companion.errors import ON_WINDOWS, EngineUnavailable

if sys.platform == "win32":
    raise EngineUnavailable(ON_WINDOWS)

__all__ = ["NAMES", "VARIABLES", "Status", "probe"]

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


if TYPE_CHECKING:
    #: every variable that leads an engine to another place than this kernel
    VARIABLES: tuple[str, ...]
else:

    def __getattr__(name: str) -> tuple[str, ...]:
        """``VARIABLES`` are collected when they are asked for: collecting them imports every engine's module."""
        if name != "VARIABLES":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        modules = (import_module(f"{__name__}.{engine}") for engine in NAMES)
        return tuple(variable for module in modules for variable in module.VARIABLES)


def probe(names: tuple[str, ...] = NAMES) -> list[Status]:
    """The status of the named engines, in that order."""
    return [import_module(f"companion.engines.{name}").probe() for name in names]
