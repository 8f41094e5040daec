"""Loaded by each embedded Dask worker at its start: an interrupt is for the notebook's cell, not for the cluster.

Jupyter sends it to the kernel's whole process group. A worker would end on it, and its nanny would take that for the end of
the work: the next cell would wait for a cluster without workers.
"""

import signal


def dask_setup(_worker: object) -> None:
    """Called by Dask in the worker's main thread; asyncio has set its own handler by then, which this replaces."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
