"""Every pod of ``k8s/`` as a container of its manifest, under its own probes and its own load (``support/kubelet.py``).

The tests are one story and stand in its order: the pods start, work, lose one of each kind in the middle of a job, and end. What
a manifest could have wrong is tried beside it. Without a Docker engine or the image of the workers they are skipped.
"""

import copy
import os
import re
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import kubelet
import pods
import pytest
from containers import built, client_of_a_module, labels_of_a_module  # noqa: F401  (fixtures)
from kubelet import Cluster
from processes import until
from readme import checked

from companion.configs import manifests
from companion.engines import dask, spark

pytestmark = pytest.mark.slow
#: of one kustomization each; base is asked for its pod alone, the overlay's stands in its Service
FOLDERS = ("overlays/laptop", "dask", "spark", "load")
PODS = ("spark-master", "spark-connect", "spark-worker", "spark-worker", "dask-scheduler", "dask-worker", "dask-worker")
PODS += ("cpu-burner", "load")
#: what Java says when SIGTERM has ended it in good order; a program that takes the signal for a wish ends with 0
JAVA_TOLD = 128 + 15


def objects(*folders: str) -> list:
    return [o for folder in folders for o in manifests.render(folder)]


@pytest.fixture(scope="module")
def cluster(client, session, tmp_path_factory) -> Iterator[Cluster]:
    """All pods, started side by side as one ``kubectl apply`` starts them, and the load on the service."""
    built(client, "worker")
    images = {
        c["image"] for o in objects("dask", "spark") for _, t in pods.templates([o]) for c in t["spec"]["containers"]
    }
    assert all(client.images.list(image) for image in images), images
    with kubelet.cluster(client, session, objects(*FOLDERS), tmp_path_factory.mktemp("pods")) as found:
        found.start(*PODS)
        yield found


@pytest.fixture(scope="module")
def base(client, session, tmp_path_factory, cluster) -> Iterator[Cluster]:
    """The service as it is in the base, whose pods take longer to boot and have more of a processor."""
    with kubelet.cluster(client, session, objects("base"), tmp_path_factory.mktemp("base")) as found:
        found.start("cpu-burner")
        yield found


def everyone_is_ready(cluster: Cluster) -> bool:
    return all(pod.status.ready for pod in cluster.pods if not pod.ended.is_set())


def told(cluster: Cluster) -> str:
    """What is known of those who are not ready."""
    late = [pod for pod in cluster.pods if not pod.status.ready and not pod.ended.is_set()]
    return "\n".join(f"{pod.name} {pod.status.heard[-2:]}\n{pod.logs()[-1500:]}" for pod in late)


# They start


def test_every_pod_of_every_kustomization_is_started_here(cluster, base):
    started = {pods.seen(pod.spec) for found in (cluster, base) for pod in found.pods}
    assert {where for spec, where in pods.everywhere().items() if spec not in started} == set()


def test_they_are_ready_when_they_should_be_and_not_before(cluster, base):
    assert until(lambda: everyone_is_ready(cluster) and everyone_is_ready(base), 400), told(cluster) + told(base)
    for pod in (*cluster.pods, *base.pods):
        status = pod.status
        assert status.killed_by is None, status.heard
        first = next((passed for kind, passed, _ in status.heard if kind in ("startupProbe", "readinessProbe")), None)
        assert first is (None if pod.workload == "load" else False), f"{pod.name} was ready before it could be"
    (service,) = base.pods
    heard = [(passed, why) for kind, passed, why in service.status.heard if kind == "startupProbe"]
    assert any("503" in why for _, why in heard) and [passed for passed, _ in heard][-1], "it waits for its model"


def test_each_runs_under_the_rules_of_its_manifest(cluster):
    for pod in cluster.pods:
        script = "id -u; touch /made-here 2>&1; env; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max"
        _, said = pod.run(
            "sh", "-c", f"{script} 2>/dev/null; getent hosts {pod.name}; grep -i capeff /proc/self/status"
        )
        lines = said.splitlines()
        assert lines[0] == "10001" and "Read-only file system" in lines[1], said
        assert str(pods.hpa.quantity(pod.container["resources"]["limits"]["memory"]) // 1000) in lines, said
        assert any(re.fullmatch(r"CapEff:\s*0+", line) for line in lines), said
        assert not [line for line in lines if re.match(r"(?!KUBERNETES_)\w+_(SERVICE_HOST|PORT)=", line)], said
        assert "KUBERNETES_SERVICE_HOST=" in said and f"{pod.ip} " in said, "a pod knows its own name"
    master, connect = cluster.of("spark-master")[0], cluster.of("spark-connect")[0]
    assert master.run("getent", "hosts", connect.name)[0] != 0, "nobody else does"


def test_what_port_forward_asks_is_open_on_the_pods_own_loopback(cluster):
    """``kubectl port-forward`` goes to localhost in the pod: a program that listens on its address alone is not reached."""
    for workload, port in (("dask-scheduler", 8786), ("spark-connect", 15002), ("cpu-burner", 8080)):
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        assert cluster.of(workload)[0].run("python", "-Sc", code) == (0, "")


# They work


@pytest.fixture(scope="module")
def dask_client(cluster):
    """As a reader would have it: the variable, and the engine's own connect(), with time enough beside the service's load."""
    assert until(lambda: all(p.status.ready for p in cluster.of("dask-worker")), 300), told(cluster)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DASK_SCHEDULER_ADDRESS", f"tcp://127.0.0.1:{cluster.forwarded(8786)}")
        client = dask.connect(timeout=60)
    dask.require(client)
    yield client
    client.close()


@pytest.fixture(scope="module")
def spark_session(cluster):
    assert until(lambda: cluster.of("spark-connect")[0].status.ready, 300), told(cluster)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_REMOTE", checked("SPARK_REMOTE", f"sc://127.0.0.1:{cluster.forwarded(15002)}"))
        session = spark.connect()
    yield session
    session.client.set_retry_policies([])  # the server has been ended meanwhile: its client would ask for ten minutes
    session.stop()
    # PySpark sets it and leaves it there: the next modules' processes would have it
    os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)


def dask_job(client, tasks: int, size: int):
    """Futures of sums of squares in pure Python, and the right answer."""

    def task(start: int, size: int) -> int:
        from companion.measure import scaling  # noqa: F401  (it is there)

        total = 0
        for number in range(start, start + size):
            total += number * number
        return total

    n = tasks * size
    return client.map(task, range(0, n, size), size=size, pure=False), (n - 1) * n * (2 * n - 1) // 6


def spark_job(session, tasks: int, size: int):
    """A query with a Python function in each of its tasks, and the right answer: ``size`` is a multiple of 7."""
    from pyspark.sql import functions as f

    def task(start: int) -> int:
        import companion  # noqa: F401  (it is there)

        return sum(number % 7 for number in range(start, start + size))

    rows = session.range(0, tasks * size, size, tasks).select(f.udf(task, "long")("id").alias("found"))
    return rows.groupBy().agg(f.sum("found")), 3 * tasks * size


def busy(client, cluster: Cluster) -> list:
    """A task that keeps its worker's interpreter for itself: nothing in that process answers until it is done."""
    return [
        client.submit(lambda: sum(range(10**8)), pure=False, workers=[address])
        for address in client.scheduler_info(n_workers=-1)["workers"]
    ]


def test_jobs_finish_across_the_pods_and_no_probe_takes_a_busy_one_for_a_dead_one(cluster, dask_client, spark_session):
    answered, right = spark_job(spark_session, 8, 1_400_000)
    with ThreadPoolExecutor(1) as aside:
        counted = aside.submit(answered.collect)
        futures, sum_of_squares = dask_job(dask_client, 24, 400_000)
        kept = busy(dask_client, cluster)
        for pod in cluster.pods:
            for kind in pod.status.probes:
                if kind != "startupProbe":
                    assert not (heard := cluster.failed(pod, kind)), (
                        f"{pod.name}: {kind} has failed while it was busy: {heard}"
                    )
        assert counted.result()[0][0] == right
    assert sum(dask_client.gather(futures)) == sum_of_squares
    assert set(dask_client.gather(kept)) == {(10**8 - 1) * 10**8 // 2}
    on = {worker for place in dask_client.who_has().values() for worker in place}
    assert len(on) == 2, "both workers have worked"


def test_a_worker_stays_ready_whatever_it_reports_of_its_work(cluster, dask_client):
    """Its heartbeats have keys that no JSON can have, now and then: of the page that lists workers as JSON nothing is left then."""

    def put(dask_scheduler):  # beside the metrics, which the next heartbeat replaces
        for worker in dask_scheduler.workers.values():
            worker.extra["execute", "seconds"] = 1

    def take(dask_scheduler):
        for worker in dask_scheduler.workers.values():
            del worker.extra["execute", "seconds"]

    (scheduler,) = cluster.of("dask-scheduler")
    as_json = {"httpGet": {"path": "/json/identity.json", "port": "dashboard"}, "timeoutSeconds": 60}
    dask_client.run_on_scheduler(put)
    said, heard = (
        cluster.attempt(scheduler, as_json)[1],
        [cluster.failed(p, "readinessProbe") for p in cluster.of("dask-worker")],
    )
    dask_client.run_on_scheduler(take)
    assert "500" in said
    assert heard == [[], []]


def test_the_readers_variables_and_a_function_of_the_book_reach_the_executors(cluster, spark_session):
    from pyspark.sql import functions as f

    @f.udf("string")
    def where(_: int) -> str:
        import platform
        import sys

        return f"{platform.node()} {sys.executable} {sys.version_info[:2]}"

    said = {row[0] for row in spark_session.range(0, 8, 1, 8).select(where("id")).collect()}
    names = {line.split()[0] for line in said}
    assert names <= {pod.name for pod in cluster.of("spark-worker")}, "executors run in the workers' pods"
    assert {line.partition(" ")[2] for line in said} == {"/opt/book/.venv/bin/python (3, 12)"}
    assert spark_session.conf.get("spark.driver.host") == cluster.of("spark-connect")[0].ip


# They lose one


def test_a_dask_worker_that_is_deleted_in_the_middle_of_a_job_costs_no_answer(cluster, dask_client):
    futures, right = dask_job(dask_client, 40, 1_500_000)
    leaving, staying = cluster.of("dask-worker")
    held = lambda: [  # noqa: E731
        keys for worker, keys in dask_client.has_what().items() if f"//{leaving.ip}:" in worker and keys
    ]
    assert until(lambda: held() or all(future.done() for future in futures)), "it has done some of it"
    assert not all(future.done() for future in futures), "and some is left"
    assert cluster.delete(leaving) == 0, leaving.logs()[-2000:]
    assert sum(dask_client.gather(futures)) == right
    assert {f"//{staying.ip}:" in worker for worker in dask_client.scheduler_info()["workers"]} == {True}


@contextmanager
def in_the_middle(session, query) -> Iterator[Future]:
    """The query's answer to come, after some of its tasks are done and while some run."""
    seen = []

    def progress(stages, inflight_tasks: int, operation_id: str, done: bool) -> None:
        seen.append((sum(stage.num_completed_tasks for stage in stages), inflight_tasks))

    session.registerProgressHandler(progress)
    try:
        with ThreadPoolExecutor(1) as aside:
            answer = aside.submit(query.collect)
            assert until(lambda: any(some and running for some, running in seen) or answer.done()), seen
            assert not answer.done(), answer
            yield answer
    finally:
        session.removeProgressHandler(progress)


def test_a_spark_worker_that_is_killed_in_the_middle_of_a_query_costs_no_answer(cluster, spark_session):
    query, right = spark_job(spark_session, 24, 2_100_000)
    with in_the_middle(spark_session, query) as answer:
        cluster.kill(cluster.of("spark-worker")[0])
        assert answer.result()[0][0] == right
    code = "import json, urllib.request as web; said = json.load(web.urlopen('http://spark-master:8080/json/'))"
    _, said = cluster.of("spark-connect")[0].run(
        "python", "-Sc", f"{code}; print([w['state'] for w in said['workers']])"
    )
    assert sorted(re.findall(r"'(\w+)'", said)) == ["ALIVE", "DEAD"], said


# What a manifest could have wrong, seen to fail


def changed(name: str, change) -> tuple[str, dict]:
    """A workload's template, changed in place by ``change(pod, container)``."""
    (template,) = (copy.deepcopy(t) for n, t in pods.templates(objects(*FOLDERS)) if n == name)
    change(template["spec"], template["spec"]["containers"][0])
    return name, template


@pytest.fixture(scope="module")
def wrong(client, session, tmp_path_factory, cluster) -> Iterator[Cluster]:
    """Pods of manifests with a fault each, side by side, and nobody whom they would wait for."""
    faults = {
        # SPARK_MASTER_PORT=tcp://..., which the Service of that name puts there, is read as a port
        "spark-master": lambda pod, _: pod.pop("enableServiceLinks"),
        "spark-worker": lambda _, container: container.pop("env"),
        "dask-worker": lambda pod, container: (pod.pop("volumes"), container.pop("volumeMounts")),
        "dask-scheduler": lambda pod, _: pod["securityContext"].pop("runAsUser"),
        "cpu-burner": lambda pod, _: pod.update(terminationGracePeriodSeconds=1),
    }
    with kubelet.cluster(client, session, objects(*FOLDERS), tmp_path_factory.mktemp("wrong")) as found:
        found.restarts = "no"
        with pytest.raises(AssertionError, match="refuses to start it as root"):
            found.start(changed("dask-scheduler", faults.pop("dask-scheduler")))
        found.start(*(changed(name, change) for name, change in faults.items()))
        yield found


@pytest.mark.parametrize(
    ("workload", "said"),
    [
        ("spark-master", "NumberFormatException"),
        ("spark-worker", "UnresolvedAddressException"),
        ("dask-worker", "Read-only file system"),
    ],
)
def test_a_wrong_manifest_is_noticed(wrong, workload, said):
    (pod,) = wrong.of(workload)
    assert until(lambda: re.search(said, pod.logs())), pod.logs()[-2000:]
    assert not pod.status.ready


def test_no_grace_and_a_probe_that_queues_behind_the_work_are_noticed(wrong, cluster):
    (service,) = cluster.of("cpu-burner")
    strict = {"httpGet": {"path": "/work", "port": "http"}, "timeoutSeconds": 1}
    with ExitStack() as stack:
        for _ in range(60):  # more than it has room for
            asking = stack.enter_context(socket.create_connection(("127.0.0.1", cluster.forwarded(80)), 60))
            asking.sendall(b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n")
        assert until(lambda: "503" in cluster.attempt(service, strict | {"timeoutSeconds": 60})[1])
        assert cluster.failed(service, "livenessProbe", **strict), "it would have been killed for being busy"
        assert [cluster.failed(service, kind) for kind in ("livenessProbe", "readinessProbe")] == [[], []]
    (hurried,) = wrong.of("cpu-burner")
    assert until(lambda: not wrong.failed(hurried, "livenessProbe")), hurried.logs()
    assert wrong.delete(hurried) == 137


# They end


def test_the_service_was_overrun_and_never_left_its_service(cluster):
    """A pod that is only busy must not leave: the autoscaler would take it for idle, or see nobody at all."""
    (service,) = cluster.of("cpu-burner")
    assert [cluster.failed(service, kind) for kind in ("readinessProbe", "livenessProbe")] == [[], []]
    assert service.status.turns == [True], service.status.heard
    assert service.status.worst("livenessProbe") < service.status.probes["livenessProbe"]["failureThreshold"] / 2


def test_no_pod_was_killed_by_a_probe_or_by_its_limit_and_none_has_given_up(cluster, base):
    for pod in (*cluster.pods, *base.pods):
        pod.running.reload()
        assert pod.status.killed_by is None, (pod.name, pod.status.heard[-9:])
        assert not pod.running.attrs["State"]["OOMKilled"], pod.name


def kept_open(port: int) -> socket.socket:
    """A connection that has had an answer, and waits for nothing: an ingress or a mesh always keeps some."""
    idle = socket.create_connection(("127.0.0.1", port), 60)
    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(100).startswith(b"HTTP/1.1 200")
    return idle


def test_each_ends_by_itself_when_told_with_connections_open_and_work_at_hand(
    cluster, base, dask_client, spark_session
):
    """Within its grace period, or it would be killed (137). The load's answers come to the pod until the end."""
    from pyspark.errors import PySparkException

    spark_session.client.set_retry_policies([])
    futures, _ = dask_job(dask_client, 40, 1_500_000)
    assert until(lambda: any(future.done() for future in futures))
    query, _ = spark_job(spark_session, 24, 2_100_000)
    left = [pod for pod in (*cluster.pods, *base.pods) if not pod.ended.is_set()]
    with in_the_middle(spark_session, query) as answer, ExitStack() as stack:
        for port in (cluster.forwarded(80), base.forwarded(80)):
            stack.enter_context(kept_open(port))
        with ThreadPoolExecutor(len(left)) as together:
            ends = list(together.map(lambda pod: (base if pod in base.pods else cluster).delete(pod), left))
        assert isinstance(answer.exception(), PySparkException), "whoever asked the Connect server is told"
    codes = {pod.name: code for pod, code in zip(left, ends, strict=True)}
    wanted = {pod.name: JAVA_TOLD if pod.workload.startswith("spark") else 0 for pod in left}
    assert codes == wanted
    said = cluster.of("load")[0].logs()
    assert re.search("'503'|'TimeoutError'", said) and re.search(r"'200': \d", said), f"it was not overrun: {said}"
