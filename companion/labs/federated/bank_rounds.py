"""The errands of a round over PySyft: banks that publish their payments, a parcel sent, jobs run, answers collected.

What a bank lets in and out it decides itself, in the notebook: nothing here approves a job or releases an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.datasets import fraud
from companion.engines import pysyft as pysyft_engine
from companion.labs.federated.banks import Table
from companion.quiet import quiet
from companion.workspace import workspace

if TYPE_CHECKING:
    from pathlib import Path

    from syft_job.job import JobInfo
    from syft_rds import SyftRDSClient

DATA_SET = "payments"
COORDINATOR = "coordinator@example.org"
MOCK_ROWS = 5
SECONDS = 100


def found(tables: Mapping[str, Table]) -> tuple[dict[str, SyftRDSClient], SyftRDSClient]:
    """The clients of the banks by name, and the coordinator's; each bank has published its table and accepted the coordinator.

    A bank's private file is ``payments.csv``, its mock five rows of zeros. Jobs are confined (``pysyft_engine.connect_many``).

    Raises:
        EngineUnavailable: as ``pysyft_engine.connect_many``.
    """
    owners, coordinator = pysyft_engine.connect_many(
        [f"{name.lower()}@example.org" for name in tables], scientist=COORDINATOR
    )
    banks, folder = dict(zip(tables, owners, strict=True)), workspace("case_mastercard")
    with quiet(prints=True):
        for name, table in tables.items():
            _publish(banks[name], table, coordinator, folder)
        coordinator.load_peers()
    return banks, coordinator


def _publish(bank: SyftRDSClient, table: Table, coordinator: SyftRDSClient, folder: Path) -> None:
    columns = ["one", *fraud.FEATURES, "kind"]
    paths = {"mock_path": folder / "mock.csv", "private_path": folder / f"{DATA_SET}.csv"}
    for path, rows in (
        (paths["mock_path"], np.zeros((MOCK_ROWS, len(columns)))),
        (paths["private_path"], np.column_stack(table)),
    ):
        # the shortest text that is read as the same number again
        path.write_text("\n".join([",".join(columns), *(",".join(map(repr, row)) for row in rows.tolist())]) + "\n")
    bank.create_dataset(name=DATA_SET, **paths, users=[coordinator.email])
    coordinator.add_peer(bank.email)
    bank.load_peers()
    bank.approve_peer_request(coordinator.email)


def submit(coordinator: SyftRDSClient, bank: SyftRDSClient, job_name: str, files: Mapping[str, str]) -> None:
    """The coordinator sends one bank a parcel, ``main.py`` and what is beside it, and the bank fetches its post."""
    parcel = workspace("case_mastercard") / f"{job_name}-{bank.email}"
    parcel.mkdir()
    for file, text in files.items():
        (parcel / file).write_text(text)
    with quiet(prints=True):
        coordinator.submit_python_job(bank.email, str(parcel), job_name, ["numpy"], entrypoint="main.py")
        bank.sync()


def job_of(client: SyftRDSClient, job_name: str) -> JobInfo:
    """A party's own view of a job.

    Raises:
        StopIteration: there is none of that name.
    """
    return next(job for job in client.job_client.jobs if job.name == job_name)


def run(banks: Iterable[SyftRDSClient]) -> None:
    """Each bank runs the jobs that it has approved; two banks at a time."""
    with quiet(prints=True), ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda b: b.job_runner.process_approved_jobs(stream_output=False, timeout=SECONDS), banks))


def arrived(banks: Mapping[str, SyftRDSClient], coordinator: SyftRDSClient, job_name: str) -> dict[str, Any]:
    """What the coordinator can read of a job after everybody has fetched and sent their post: ``{bank: JSON}``."""
    names = {bank.email: name for name, bank in banks.items()}
    with quiet(prints=True):
        for client in (*banks.values(), coordinator):
            client.sync()
        done = [job for job in coordinator.job_client.jobs if job.name == job_name and job.status == "done"]
        return {names[job.datasite_owner_email]: json.loads(p.read_text()) for job in done for p in job.output_paths}
