"""Dask: a ``distributed.Client`` on a local cluster of worker processes, or on the cluster in ``DASK_SCHEDULER_ADDRESS``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from companion.engines import _embedded
from companion.engines._ladder import UNKNOWN, Status, climb, variable
from companion.errors import EngineUnavailable
from companion.processes.server import answers, package_version
from companion.workspace import workspace

if TYPE_CHECKING:
    from distributed import Client

VARIABLE = "DASK_SCHEDULER_ADDRESS"
VARIABLES = (VARIABLE,)

#: one BLAS/OpenMP thread a worker: two workers with two threads each would fight over two cores
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

#: Dask's own default gives freed memory back at once, and so pays for every array of a megabyte with page faults, which
#: made the audio features two thirds slower; a few MiB of slack cost nothing and keep the arrays warm
_MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(64 * 2**20), "MALLOC_MMAP_THRESHOLD_": str(16 * 2**20)}
#: but where memory is short, slack counts: a worker that has written all to disk and is still above 80 % of its limit, because
#: what it freed was kept, is paused for ever. So there Dask's own default stands
_MALLOC_WHERE_SHORT = {"MALLOC_TRIM_THRESHOLD_": str(64 * 2**10)}
_SHORT = 2**30


def connect(*, n_workers: int = 2, memory_limit: str = "1GiB", timeout: float = 20.0) -> Client:
    """A Dask client: usable as it is, or in a ``with`` block that closes the embedded cluster at its end.

    Args:
        n_workers: worker processes of one thread each. A live cluster has its own; fewer than this many is an error.
        memory_limit: for each embedded worker; the nanny acts on it (spill at 60 %, pause at 80 %, restart at 95 %).
        timeout: seconds to wait for a live scheduler.

    The embedded cluster listens on loopback only and speaks TLS with certificates made for this one session.

    Raises:
        EngineUnavailable: nothing answers at ``DASK_SCHEDULER_ADDRESS``, or too few workers joined in time.
    """
    from distributed import Client

    if address := variable(VARIABLE):
        return _connect_live(address, n_workers, timeout)
    _embedded.require_machine()
    import dask
    from distributed.worker_memory import parse_memory_limit

    from companion.engines.dask.nanny import TidyNanny

    limit = parse_memory_limit(memory_limit, 1, logger=logging.getLogger("distributed.nanny"))  # None: there is none
    malloc = _MALLOC if limit is None or limit >= _SHORT else _MALLOC_WHERE_SHORT
    folder = str(workspace("dask"))
    dask.config.set(
        {
            "temporary-directory": folder,  # the scheduler's, which takes no argument for it
            "distributed.nanny.pre-spawn-environ": {**_ONE_THREAD, **malloc},
            # a tenth earlier than by default, so that a worker which writes to disk is well below the 80 % at which it is paused
            "distributed.worker.memory.target": 0.5,
            "distributed.worker.memory.spill": 0.6,
            "distributed.worker.preload": ["companion.engines.dask.uninterrupted"],
            # a worker that died is started again by its nanny; by default the cluster looks 15 s later whether it is there, and
            # gives it up for good when the machine is too busy for that, or when it has just died again
            "distributed.deploy.lost-worker-timeout": "1 hour",
            # read from the variable when dask was imported; by now the reader may have unset it
            "scheduler-address": None,
        }
    )
    return Client(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        worker_class=TidyNanny,
        memory_limit=memory_limit,
        host="127.0.0.1",
        security=True,
        dashboard_address="127.0.0.1:0",
        local_directory=folder,
        # a worker killed on purpose is part of the lesson: its log lines are not
        silence_logs=logging.CRITICAL,
        set_as_default=True,
    )


def _connect_live(address: str, n_workers: int, timeout: float) -> Client:
    from distributed import Client

    hint = f"Start one with 'dask scheduler' and 'dask worker', or unset {VARIABLE} to use the embedded cluster."
    try:
        client = Client(address, timeout=timeout)
    except (OSError, ValueError, TimeoutError) as error:
        raise EngineUnavailable(f"no Dask scheduler answers at {VARIABLE}={address}. {hint}") from error
    try:
        client.wait_for_workers(n_workers, timeout=timeout)
    except TimeoutError as error:
        client.close()
        raise EngineUnavailable(f"fewer than {n_workers} workers joined {VARIABLE}={address}. {hint}") from error
    return client


def probe() -> Status:
    """The installed version, and whether the scheduler in the environment answers."""
    return climb(
        "dask",
        client="distributed",
        install="pip install distributed",
        live=_live_place,
        embedded=lambda: (package_version("dask") or UNKNOWN, "worker processes on loopback"),
    )


def _live_place() -> tuple[str, str] | None:
    address = variable(VARIABLE)
    if address is None:
        return None
    if not answers(address, 8786):
        raise EngineUnavailable(f"nothing answers at {VARIABLE}={address}")
    return UNKNOWN, address
