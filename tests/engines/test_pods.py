"""Pods of ``k8s/`` as a kubelet would start them: what no schema sees. Each is driven by its manifest (``support/pods.py``).

The service in a container under its own limits, user and read-only disk, probed with the numbers of the manifest; Spark's
machines as processes with their pods' commands and environments. Without a Docker engine, or Java, they are skipped.
"""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pods
import pytest
from containers import client_of_a_module, labels_of_a_module  # noqa: F401  (fixtures)
from processes import assert_gone, new_mark, until
from test_engines import needs_java

from companion import checkout
from companion.configs import manifests
from companion.engines import docker as engine
from companion.processes.server import free_port

LOAD = checkout.folder("k8s") / "load" / "load.py"


# The service, in a container


@pytest.mark.slow
def test_the_service_stays_ready_while_it_is_overrun(client, session, tmp_path):
    """A pod that is only busy must not leave its Service: the autoscaler would take it for idle, or see nobody at all."""
    objects, load = manifests.render("overlays/laptop"), manifests.render("load")
    pod = pods.template(objects, "Deployment", "cpu-burner")
    (container,) = pod["containers"]
    running = pods.run(client, engine.base_image(client), objects, pod, tmp_path, session, BOOT_SECONDS="2")
    try:
        base = pods.address(running, container, "http")
        started = [pods.probed(base, container["startupProbe"])]
        assert until(lambda: started.append(pods.probed(base, container["startupProbe"])) or started[-1]), (
            running.logs().decode()
        )
        assert started[0] is False, "it starts when its model is loaded, not before"
        (asker,) = pods.template(load, "Job", "load")["containers"]
        given = pods.environment(load, {}, asker, "127.0.0.1") | {"URL": f"{base}/work", "SECONDS": "24"}
        with subprocess.Popen([sys.executable, LOAD], env={**os.environ, **given}, stdout=subprocess.PIPE) as asking:
            for name, seconds in (("readinessProbe", 16), ("livenessProbe", 1)):
                probe = container[name]
                attempts = -(-seconds // probe["periodSeconds"])
                attempt = lambda probe=probe: pods.probed(base, probe)  # noqa: E731
                assert all(pods.verdicts(attempt, probe, attempts)), f"{name} has taken a busy pod out"
            said = asking.communicate()[0].decode()
        assert "'TimeoutError'" in said and re.search(r"'200': \d", said), f"it was not overrun: {said}"
        assert running.exec_run(["id", "-u"]).output.strip() == b"10001"
        assert running.exec_run(["touch", "/x"]).exit_code != 0, "its disk is read-only"
    finally:
        running.remove(force=True)


@pytest.mark.slow
def test_the_pod_ends_when_told_though_a_client_keeps_its_connection(client, session, tmp_path):
    objects = manifests.render("base")
    pod = pods.template(objects, "Deployment", "cpu-burner")
    running = pods.run(client, engine.base_image(client), objects, pod, tmp_path, session, BOOT_SECONDS="0")
    try:
        base = pods.address(running, pod["containers"][0], "http")
        probe = pod["containers"][0]["readinessProbe"]
        assert until(lambda: pods.probed(base, probe)), running.logs().decode()
        port = int(base.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as idle:
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(100).startswith(b"HTTP/1.1 200")
            running.stop(timeout=pod["terminationGracePeriodSeconds"])
        assert running.wait()["StatusCode"] == 0, "137 is what is killed after the grace period"
    finally:
        running.remove(force=True)


# Spark's machines, as processes


def home() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent


@contextmanager
def machine(objects, name: str, folder: Path, replaced: dict[str, str], **changes: str):
    """A process with the command and the environment of a Spark pod, its log, and the end of it."""
    pod = pods.template(objects, "Deployment", name)
    (container,) = pod["containers"]
    given = pods.environment(objects, pod, container, "127.0.0.1") | changes
    words = [given_word(word, replaced) for word in pods.command(container, given)]
    kept = {k: os.environ[k] for k in ("PATH", "JAVA_HOME", "LANG") if k in os.environ}
    mark, log = new_mark(), folder / f"{name}.log"
    env = kept | given | mark | {"SPARK_HOME": str(home()), "HOME": str(folder)}
    process = subprocess.Popen(
        words, cwd=folder, env=env, stdout=log.open("w"), stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        yield process, log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert_gone(mark)


def given_word(word: str, replaced: dict[str, str]) -> str:
    """All at once: what stands in for one thing must not be taken for another (a checkout below /tmp)."""
    new = {"/opt/spark": str(home()), **replaced}
    return re.sub("|".join(map(re.escape, new)), lambda found: new[found[0]], word)


def ports(folder: Path) -> dict[str, str]:
    """What this machine has instead of the cluster's names and ports."""
    master = str(free_port())
    return {"spark-master:7077": f"127.0.0.1:{master}", "7077": master, "8080": str(free_port()), "/tmp": str(folder)}


def logged(log: Path, text: str, process) -> bool:
    assert until(lambda: text in log.read_text() or process.poll() is not None)
    return text in log.read_text()


@needs_java
@pytest.mark.slow
@pytest.mark.parametrize("links", [False, True])
def test_the_master_starts_in_the_environment_of_its_pod(tmp_path, links):
    """Kubernetes' variable for the Service ``spark-master`` is one of Spark's own, and no port: with it, the master ends."""
    objects = manifests.render("spark")
    if links:
        pods.template(objects, "Deployment", "spark-master")["enableServiceLinks"] = True
    with machine(objects, "spark-master", tmp_path, ports(tmp_path)) as (process, log):
        started = logged(log, "I have been elected leader", process)
        assert started is not links, log.read_text()[-2000:]
        assert ("NumberFormatException" in log.read_text()) is links


@needs_java
@pytest.mark.slow
def test_a_query_over_connect_is_answered_by_executors_that_know_the_driver(tmp_path):
    """Master, worker and Connect server with their pods' commands. The driver has a pod's name, which nobody else resolves."""
    from pyspark.sql.connect.session import SparkSession

    objects, replaced, connect = manifests.render("spark"), ports(tmp_path), str(free_port())
    replaced |= {"8081": str(free_port()), "spark-internal": "spark-internal"}
    with ExitStack() as stack:
        for name, sign in (("spark-master", "elected leader"), ("spark-worker", "Successfully registered")):
            process, log = stack.enter_context(machine(objects, name, tmp_path, replaced))
            assert logged(log, sign, process), log.read_text()[-2000:]
        container = pods.template(objects, "Deployment", "spark-connect")["containers"][0]
        place = container["command"].index("spark-internal")
        container["command"][place:place] = ["--conf", f"spark.connect.grpc.binding.port={connect}"]
        name = "spark-connect-7c5d9f-abcde"  # what a pod's own /etc/hosts makes of its address
        process, log = stack.enter_context(
            machine(objects, "spark-connect", tmp_path, replaced, SPARK_LOCAL_HOSTNAME=name)
        )
        assert logged(log, "Spark Connect server started", process), log.read_text()[-3000:]
        spark = SparkSession.builder.remote(f"sc://127.0.0.1:{connect}").getOrCreate()
        try:
            assert spark.conf.get("spark.driver.host") == "127.0.0.1", "the address that others resolve"
            assert spark.range(1000).repartition(2).count() == 1000
        finally:
            spark.stop()
