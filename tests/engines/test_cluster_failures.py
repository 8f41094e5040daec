"""Machines of the small cluster come, die, are cut off, fill up, or are the wrong ones: the work goes on, or a clear error says why.

The cluster is that of ``make cluster``, its workers only: Dask's and Spark's, in containers.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from containers import built, client_of_a_module  # noqa: F401  (a fixture)
from processes import until
from small_cluster import Cluster, left, running, state, what_it_told  # noqa: F401  (a fixture)

from companion import EngineUnavailable
from companion.engines import dask, spark

pytestmark = pytest.mark.slow
WORKERS = "dask_scheduler dask_worker spark_master spark_worker"


@pytest.fixture(scope="module")
def cluster(client, tmp_path_factory):
    shared = tmp_path_factory.mktemp("shared")
    only = {"CLUSTER_SERVICES": WORKERS, "COMPOSE_PROFILES": "", "COMPANION_WORKSPACE": str(shared)}
    with running(client, tmp_path_factory.mktemp("stand-ins"), **only) as started:
        yield started
    assert left(client, started.project) == []


def squared(i: int) -> tuple[int, str]:
    """A task that says where it ran; sent by value, since a worker has no tests."""
    import socket
    import time

    time.sleep(0.2)
    return i * i, socket.gethostname()


def as_task(function: Callable) -> Callable:
    """The function as if it were the notebook's own: it travels by value, since no worker has this module."""
    return FunctionType(function.__code__, {"__builtins__": __builtins__, "__name__": "__main__"}, function.__name__)


def short(container) -> str:
    """A container's own host name."""
    return container.id[:12]


def added(cluster: Cluster, service: str, before: list) -> str:
    """The host that has come to those of a service."""
    (new,) = {short(c) for c in cluster.containers(service)} - {short(c) for c in before}
    return new


def test_a_dask_worker_is_killed_and_one_is_added_in_the_middle_of_a_run(cluster, told):
    from distributed import as_completed

    before = cluster.containers("dask_worker")
    with dask.connect(timeout=60) as client:
        task = as_task(squared)
        running_ = as_completed(client.map(task, range(40), pure=False), with_results=True)
        found, asked, hosts, new = [], 40, set(), ""
        for _, (value, host) in running_:
            found.append(value)
            hosts.add(host)
            if len(found) == 10:
                before[0].kill()
                cluster.up(DASK_WORKERS="3", CLUSTER_SERVICES="dask_worker")
                new = added(cluster, "dask_worker", before)
            # more work until the new one has had a part of it
            if new and new not in hosts and asked < 2000:
                running_.add(client.submit(task, asked, pure=False))
                asked += 1
        assert sorted(found) == [i * i for i in range(asked)] and new in hosts
    cluster.up(DASK_WORKERS="2", CLUSTER_SERVICES="dask_worker")


def test_a_spark_worker_is_killed_and_one_is_added_in_the_middle_of_a_run(cluster, told):
    before = cluster.containers("spark_worker")
    task = as_task(squared)

    def batches(rows):
        import pyarrow

        for batch in rows:
            found = [task(i) for i in batch["id"].to_pylist()]
            yield pyarrow.RecordBatch.from_pydict({"square": [f[0] for f in found], "host": [f[1] for f in found]})

    def run(tasks: int) -> list:
        return spark_session.range(tasks, numPartitions=tasks).mapInArrow(batches, "square long, host string").collect()

    with spark.connect(memory="600m") as spark_session, ThreadPoolExecutor(1) as beside:
        spark.require(spark_session, Path(told["COMPANION_WORKSPACE"]))
        answer = beside.submit(run, 60)
        tracker = spark_session.sparkContext.statusTracker()
        done = lambda: [tracker.getStageInfo(i).numCompletedTasks for i in tracker.getActiveStageIds()]  # noqa: E731
        assert until(lambda: any(number >= 5 for number in done()), 120)
        before[0].kill()
        cluster.up(SPARK_WORKERS="3", CLUSTER_SERVICES="spark_worker")
        rows = answer.result(300)
        assert sorted(row["square"] for row in rows) == [i * i for i in range(60)]
        new = added(cluster, "spark_worker", before)
        assert until(lambda: new in {row["host"] for row in run(12)}, 120)
    cluster.up(SPARK_WORKERS="2", CLUSTER_SERVICES="spark_worker")


def test_a_lost_scheduler_is_said_and_the_next_one_is_taken(cluster, told):
    (scheduler,) = cluster.containers("dask_scheduler")
    client = dask.connect(timeout=60)
    try:
        tasks = client.map(as_task(squared), range(60), pure=False)
        assert until(lambda: any(task.done() for task in tasks), 120)
        scheduler.kill()
        with pytest.raises(CancelledError, match="lost the connection to the scheduler"):
            client.gather(tasks)
        with pytest.raises(EngineUnavailable, match="no Dask scheduler answers at DASK_SCHEDULER_ADDRESS"):
            dask.connect(timeout=2)
    finally:
        scheduler.start()
        with suppress(Exception):  # it says once more that nobody is there
            client.close(timeout=2)
    assert until(lambda: scheduler.reload() or state(scheduler) == "healthy", 300), scheduler.logs()
    with dask.connect(timeout=300) as client:
        assert client.submit(pow, 2, 10).result(300) == 1024, "its workers have not come back"


def test_sparks_master_is_lost_and_the_work_goes_on(cluster, told):
    (master,) = cluster.containers("spark_master")
    with spark.connect(memory="600m") as session:
        assert session.range(1000).repartition(4).count() == 1000
        master.kill()
        try:
            assert session.range(1000).repartition(4).count() == 1000
            with pytest.raises(EngineUnavailable, match="nothing answers at SPARK_MASTER"):
                spark.connect()
        finally:
            master.start()


def link(containers: list, state_: str) -> None:
    """Pull the cables of containers, or plug them in again."""
    for container in containers:
        container.reload()
        process = str(container.attrs["State"]["Pid"])
        subprocess.run(["nsenter", "-t", process, "-n", "ip", "link", "set", "eth0", state_], check=True)


@pytest.fixture
def cut():
    """Pulls cables, and sees to it that all are plugged in again."""
    if os.geteuid() != 0:
        pytest.skip("only root can cut a container's network")
    pulled: list = []

    def between(containers: list, seconds: float) -> None:
        pulled.extend(containers)
        link(containers, "down")
        time.sleep(seconds)
        link(containers, "up")
        pulled.clear()

    yield between
    link(pulled, "up")


def test_dask_bears_a_network_that_is_cut_for_ten_seconds(cluster, told, cut):
    with dask.connect(timeout=60) as client:
        tasks = client.map(as_task(squared), range(100), pure=False)
        assert until(lambda: any(task.done() for task in tasks), 120)
        cut(cluster.containers("dask_worker"), 10)
        assert [value for value, _ in client.gather(tasks)] == [i * i for i in range(100)]


def test_spark_bears_a_network_that_is_cut_for_ten_seconds(cluster, told, cut):
    def slowly(rows):
        import time

        for batch in rows:
            time.sleep(0.2)
            yield batch

    with spark.connect(memory="600m") as session, ThreadPoolExecutor(1) as beside:
        answer = beside.submit(lambda: session.range(100, numPartitions=100).mapInArrow(slowly, "id long").count())
        tracker = session.sparkContext.statusTracker()
        assert until(tracker.getActiveStageIds, 120)
        cut(cluster.containers("spark_worker"), 10)
        assert answer.result(300) == 100


# What is wrong is said before the first task


@contextmanager
def another(cluster: Cluster, service: str, image: str = "", **changes: Any) -> Iterator[None]:
    """One more worker, like those of a service but for some options of ``docker run``; at its end the others are there again."""
    like = cluster.containers(service)
    config, host = like[0].attrs["Config"], like[0].attrs["HostConfig"]
    options: dict[str, Any] = {"tmpfs": host["Tmpfs"], "environment": config["Env"], "command": config["Cmd"]}
    options |= {"volumes": [bind for bind in host["Binds"] if not bind.endswith("/scratch:rw")], "user": config["User"]}
    for container in like:
        container.stop()
    new = cluster.client.containers.run(
        image or config["Image"], detach=True, labels=cluster.labels(), network=f"{cluster.project}_inside", **options | changes
    )  # fmt: skip
    try:
        yield
    finally:
        new.remove(force=True)
        for container in like:
            container.start()


SMALL_DISK = {"tmpfs": {"/tmp": "size=64m,exec", "/scratch": "size=16m,mode=1777"}}


def test_a_dask_worker_without_room_to_spill_is_told(cluster, told):
    with another(cluster, "dask_worker", **SMALL_DISK), dask.connect(n_workers=1, timeout=60) as client:
        with pytest.raises(EngineUnavailable, match="fewer than 64 MiB free where they spill"):
            dask.require(client)


def test_a_spark_worker_without_room_to_shuffle_is_told(cluster, told):
    with another(cluster, "spark_worker", **SMALL_DISK), spark.connect(memory="600m") as session:
        with pytest.raises(EngineUnavailable, match="fewer than 64 MiB free where they shuffle"):
            spark.require(session)


@pytest.fixture(scope="module")
def other_python(client, tmp_path_factory):
    """The workers' image with Debian's own Python beside the book's."""
    context = tmp_path_factory.mktemp("other-python")
    (context / "Dockerfile").write_text(
        "FROM companion/worker:latest\nUSER root\n"
        "RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-importlib-metadata >/dev/null\n"
        "USER 10001\n"
    )
    built(client, "worker")
    tag = "companion/other-python:test"
    client.images.build(path=str(context), tag=tag, rm=True, forcerm=True)
    said = client.containers.run(tag, ["/usr/bin/python3", "--version"], remove=True).decode()
    if said.split()[1].startswith("3.12."):
        pytest.skip("Debian's Python is the book's here")
    return tag


def test_a_dask_worker_of_another_python_is_told(cluster, told, other_python):
    packages = ["PYTHONPATH=/opt/book/.venv/lib/python3.12/site-packages", "HOME=/tmp"]
    (like, *_) = cluster.containers("dask_worker")
    command = ["/usr/bin/python3", "-m", *like.attrs["Config"]["Cmd"]]
    environment = [*like.attrs["Config"]["Env"], *packages]
    with another(cluster, "dask_worker", other_python, command=command, environment=environment):
        with dask.connect(n_workers=1, timeout=90) as client:
            with pytest.raises(EngineUnavailable, match=r"run another Python than 3\.12"):
                dask.require(client)


def test_spark_workers_of_another_python_or_none_are_told(cluster, told, other_python, monkeypatch):
    with another(cluster, "spark_worker", other_python):
        for python, said in (("/usr/bin/python3", "run another Python"), ("/no/python", "have no Python /no/python")):
            monkeypatch.setenv("PYSPARK_PYTHON", python)
            with spark.connect(memory="600m") as session, pytest.raises(EngineUnavailable, match=said):
                spark.require(session)


def test_a_driver_that_no_worker_can_reach_is_told(cluster, told, monkeypatch):
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    with pytest.raises(EngineUnavailable, match=r"can't reach this machine at 127\.0\.0\.1: set SPARK_LOCAL_IP"):
        spark.connect(memory="600m", timeout=10)
