"""Dask: a ``distributed.Client`` on a local cluster of worker processes, or on the cluster in ``DASK_SCHEDULER_ADDRESS``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.engines import _embedded, _shared
from companion.engines._ladder import UNKNOWN, Status, climb, variable
from companion.errors import EngineUnavailable
from companion.processes.server import answers, package_version
from companion.workspace import workspace

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

VARIABLE = "DASK_SCHEDULER_ADDRESS"
#: Dask's own names for the client's certificates, and the arguments of ``Security`` that they are
_TLS = {
    "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": "tls_ca_file",
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": "tls_client_cert",
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": "tls_client_key",
}
VARIABLES = (VARIABLE, *_TLS)
#: what an address may begin with, and whether it is encrypted
_SCHEMES = {"tcp": False, "tls": True, "ws": False, "wss": True}
_FEWEST_LIVE = 2
_LEAST_FREE = 64 * 2**20

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
        n_workers: worker processes of one thread each of the embedded cluster. A live one has its own: two of them have to be
            there, or one where one is asked for.
        memory_limit: for each embedded worker; the nanny acts on it (spill at 60 %, pause at 80 %, restart at 95 %).
        timeout: seconds to wait for a live scheduler.

    The embedded cluster listens on loopback only and speaks TLS with certificates made for this one session. For a live one with a
    ``tls://`` address the certificates are those of Dask's own configuration (``VARIABLES``, or its files).

    Raises:
        EngineUnavailable: nothing answers at ``DASK_SCHEDULER_ADDRESS``, its certificates are missing or not accepted, or too few
            workers joined in time.
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
    security = _security(address)
    other = (
        "It may not accept these certificates, or speak plain tcp://."
        if security
        else "One that is encrypted has an address with tls://."
    )
    try:
        client = Client(address, timeout=timeout, security=security)
    except (OSError, ValueError, TimeoutError, RuntimeError) as error:
        raise EngineUnavailable(f"no Dask scheduler answers at {VARIABLE}={address}. {other} {hint}") from error
    wanted = min(n_workers, _FEWEST_LIVE)
    try:
        client.wait_for_workers(wanted, timeout=timeout)
    except TimeoutError as error:
        client.close()
        raise EngineUnavailable(f"fewer than {wanted} workers joined {VARIABLE}={address}. {hint}") from error
    return client


def _security(address: str) -> Security | None:
    """The client's certificates for an address that is encrypted, from the environment or from Dask's own files."""
    from distributed.security import Security

    scheme = address.partition("://")[0] if "://" in address else "tcp"
    if scheme not in _SCHEMES:
        raise EngineUnavailable(
            f"{VARIABLE}={address}: Dask's addresses begin with {', '.join(f'{name}://' for name in _SCHEMES)}; "
            "the scheduler prints its own when it starts. A dashboard's address is another one."
        )
    if not _SCHEMES[scheme]:
        return None
    names = ", ".join(_TLS)
    given = {field: value for name, field in _TLS.items() if (value := variable(name))}
    try:
        security = Security(require_encryption=True, **given)
        context = security.get_connection_args("client")["ssl_context"]
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise EngineUnavailable(
            f"the certificates for {VARIABLE}={address} can't be read ({error}): {names}."
        ) from error
    if context is None:
        raise EngineUnavailable(
            f"{VARIABLE}={address} is encrypted and asks who we are. Set {names} to the files that the cluster's owner gave "
            "you, and restart the kernel."
        )
    return security


def require(client: Client, folder: Path | None = None, *, needs: int = _LEAST_FREE) -> None:
    """See to it before the first task that each worker can run the notebooks' functions, and reads the same files.

    Args:
        folder: which this process writes to and the workers read; None where they read none.
        needs: bytes that have to be free where a worker spills: one that can't is paused for good when its memory is full.

    Raises:
        EngineUnavailable: a worker has another Python, no package ``companion``, a full disk, or does not see what stands in
            the folder.
    """
    _require_python(client)

    # a nested function travels by value: it can say that there is no companion where there is none
    def find(path: str, dask_worker: Any = None) -> list[str]:
        import importlib.util
        import os
        import shutil

        try:
            there = importlib.util.find_spec("companion") is not None
        except ValueError:
            there = False
        missing = [] if there else ["package"]
        missing += [] if not path or os.path.exists(path) else ["file"]
        return missing + ([] if shutil.disk_usage(dask_worker.local_directory).free >= needs else ["disk"])

    with _shared.token(folder) as path:
        found = client.run(find, path)
    _complain(
        [worker for worker, missing in found.items() if "package" in missing],
        len(found),
        "have no package companion, which the notebooks' functions come from. Start them in this project's environment "
        "(.venv/bin/dask worker ...), or install it in theirs: pip install, with the path of this checkout.",
    )
    _complain(
        [worker for worker, missing in found.items() if "disk" in missing],
        len(found),
        f"have fewer than {needs / 2**20:.0f} MiB free where they spill. Free some, or start them with --local-directory on a "
        "larger disk.",
    )
    _complain(
        [worker for worker, missing in found.items() if "file" in missing],
        len(found),
        f"don't see the files in {folder}. Set COMPANION_WORKSPACE to a folder that all machines share under the same path, and "
        "restart the kernel.",
    )


def _require_python(client: Client) -> None:
    # asked without sending a function: another Python may not survive one
    versions: Any = client.get_versions()
    hosts: dict[str, Any] = versions["workers"]
    own = [str(number) for number in sys.version_info[:2]]
    others = [worker for worker, said in hosts.items() if said["host"]["python"].split(".")[:2] != own]
    _complain(others, len(hosts), f"run another Python than {'.'.join(own)}, which functions can't be sent to.")


def _complain(workers: list[str], of: int, message: str) -> None:
    if workers:
        raise EngineUnavailable(f"{len(workers)} of {of} Dask workers ({min(workers)} is one) {message}")


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
    _security(address)
    if not answers(address, 8786):
        raise EngineUnavailable(f"nothing answers at {VARIABLE}={address}")
    return UNKNOWN, address
