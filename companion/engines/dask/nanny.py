"""Dask's own nanny, without what it leaves in the environment of the process that it runs in: here the reader's.

A worker's variables have to be there before its process is spawned, so the nanny sets them in its own. Usually that is a process
of its own; in a local cluster it is the kernel, whose next child would inherit one thread for all of NumPy.
"""

from __future__ import annotations

import os
from typing import Any

from distributed import Nanny

#: set when a nanny is made; tells its children that they may name themselves
_PARENT = "__DASK_PARENT_PID"
_before: dict[str, str | None] = {}
_starting = 0


class TidyNanny(Nanny):
    """Takes the workers' variables away again when no worker is being started. All nannies share one event loop."""

    async def instantiate(self) -> Any:
        """Start a worker, the first time and after each death."""
        global _starting
        if not _starting:
            _before.update({name: os.environ.get(name) for name in self.pre_spawn_env})
            _before[_PARENT] = None
        _starting += 1
        try:
            return await super().instantiate()
        finally:
            _starting -= 1
            if not _starting:
                _restore()


def _restore() -> None:
    for name, value in _before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _before.clear()
