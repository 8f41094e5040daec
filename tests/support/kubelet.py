"""A cluster in little: every pod a container of the manifest, one network, Services that lead to pods that are ready.

The pods' network has no way out. Beside them runs ``node_agent.py``: the Services' names lead to it, it asks the probes, and its ports
are published on loopback, so that a Service is reached as ``kubectl port-forward`` reaches one. A pod knows the Services by name and
itself, as in a cluster. One machine, so neither a scheduler nor network policies.
"""

import ipaddress
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import node_agent
import pods
from probes import Status
from processes import until

from companion.engines import docker as engine

Manifest = dict[str, Any]
#: the first address that a pod gets; below are the gateway's and the agent's
_FIRST = 16


@dataclass
class Pod:
    """A pod that runs: what its kubelet holds of it is ``status``."""

    name: str
    workload: str
    labels: dict[str, str]
    spec: Manifest
    ip: str
    running: Any
    status: Status
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def container(self) -> Manifest:
        return self.spec["containers"][0]

    def port(self, name: str | int) -> int:
        return {entry.get("name"): entry["containerPort"] for entry in self.container.get("ports", [])}.get(name, name)

    def logs(self) -> str:
        return self.running.logs().decode(errors="replace")

    def run(self, *command: str) -> tuple[int, str]:
        """A command in the container, as ``kubectl exec`` runs one."""
        done = self.running.exec_run(list(command))
        return done.exit_code, done.output.decode(errors="replace")


class Cluster:
    """The objects of some kustomizations, and the pods that were started of them."""

    def __init__(self, client, labels: dict[str, str], objects: list[Manifest], folder: Path) -> None:
        self.client, self.labels, self.objects, self.folder = client, labels, objects, folder
        self.services = [o for o in objects if o["kind"] == "Service"]
        self.ports = sorted({p["port"] for service in self.services for p in service["spec"]["ports"]})
        assert len(self.ports) == sum(len(s["spec"]["ports"]) for s in self.services), (
            "one agent has all Services' addresses: a port can be one Service's only"
        )
        self.pods: list[Pod] = []
        #: "no" where one end of a program is enough to see
        self.restarts = "always"
        self._lock, self._routing, self._counter = threading.Lock(), threading.Lock(), _FIRST
        self._threads: list[threading.Thread] = []
        self.inside = self._network()
        self.addresses = ipaddress.ip_network(self.inside.attrs["IPAM"]["Config"][0]["Subnet"])
        self.way_in = client.networks.create(f"companion-way-in-{self.inside.name[-12:]}", labels=labels)
        self.agent_ip = str(self.addresses[2])
        self.agent = self._agent()

    def _network(self):
        """Without a way out, and with addresses of our choice: a pod's is in its environment before it is made."""
        import docker

        name = f"companion-pods-{uuid.uuid4().hex[:12]}"
        found = self.client.networks.create(name, internal=True, labels=self.labels)
        found.reload()
        subnet = found.attrs["IPAM"]["Config"][0]["Subnet"]
        found.remove()
        pool = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=subnet)])
        found = self.client.networks.create(name, internal=True, ipam=pool, labels=self.labels)
        found.reload()
        return found

    def _agent(self):
        code = Path(node_agent.__file__).read_text(encoding="utf-8")
        listening = [node_agent.CONTROL, *self.ports]
        agent = self.client.containers.create(
            engine.base_image(self.client),
            ["python", "-c", code],
            labels=self.labels,
            network=self.way_in.name,
            ports={f"{port}/tcp": ("127.0.0.1", None) for port in listening},
        )
        self.inside.connect(agent, ipv4_address=self.agent_ip)
        agent.start()
        assert until(lambda: b"listening" in agent.logs()), agent.logs()
        agent.reload()
        self._published = {port: int(agent.ports[f"{port}/tcp"][0]["HostPort"]) for port in listening}
        return agent

    # Pods

    def start(self, *workloads: str | tuple[str, Manifest]) -> list[Pod]:
        """A pod for each workload that is named, side by side; with a template, that one instead of the manifest's."""
        planned = []
        for workload in workloads:
            name, template = workload if isinstance(workload, tuple) else (workload, None)
            if template is None:
                (template,) = (t for n, t in pods.templates(self.objects) if n == name)
            self._counter += 1
            planned.append((name, template, self._counter))
        with ThreadPoolExecutor(4) as side_by_side:
            made = list(side_by_side.map(lambda plan: self._start(*plan), planned))
        return made

    def _start(self, name: str, template: Manifest, number: int) -> Pod:
        spec, ip, pod_name = template["spec"], str(self.addresses[number]), f"{name}-7c5d9f-{number:05d}"
        image = spec["containers"][0]["image"]
        given = pods.options(self.objects, spec, ip, self.agent_ip, self.folder / pod_name)
        given["volumes"][str(self._nameserver())] = {"bind": "/etc/resolv.conf", "mode": "ro"}
        networking = {self.inside.name: self.client.api.create_endpoint_config(ipv4_address=ip)}
        running = self.client.containers.create(
            image if image.startswith("companion/") else engine.base_image(self.client),
            hostname=pod_name,
            extra_hosts={service["metadata"]["name"]: self.agent_ip for service in self.services},
            labels=self.labels,
            network=self.inside.name,
            networking_config=networking,
            # a program that gives up is started again, as long as nobody has deleted the pod
            restart_policy={"Name": "no" if spec.get("restartPolicy") == "Never" else self.restarts},
            **given,
        )
        pod = Pod(
            pod_name,
            name,
            template["metadata"].get("labels", {}),
            spec,
            ip,
            running,
            Status(spec["containers"][0]),
        )
        running.start()
        began = time.monotonic()
        with self._lock:
            self.pods.append(pod)
        for kind in pod.status.probes:
            thread = threading.Thread(target=self._look_after, args=(pod, kind, began), daemon=True)
            self._threads.append(thread)
            thread.start()
        return pod

    def _nameserver(self) -> Path:
        """Nobody: Docker's own would tell every pod the names of all others, where a cluster's knows Services alone."""
        place = self.folder / "resolv.conf"
        place.write_text(f"nameserver {self.agent_ip}\noptions timeout:1 attempts:1\n")
        return place

    def of(self, workload: str) -> list[Pod]:
        return [pod for pod in self.pods if pod.workload == workload]

    def delete(self, pod: Pod) -> int:
        """As the API server and a kubelet do it: out of the Services, SIGTERM, and SIGKILL after the grace period. Its exit code."""
        pod.ended.set()
        self.route()
        pod.running.stop(timeout=pod.spec.get("terminationGracePeriodSeconds", 30))
        return pod.running.wait()["StatusCode"]

    def kill(self, pod: Pod) -> None:
        """Its machine is gone."""
        pod.ended.set()
        self.route()
        pod.running.kill()

    # Probes

    def _look_after(self, pod: Pod, kind: str, began: float) -> None:
        probe = pod.status.probes[kind]
        due = began + probe["initialDelaySeconds"]
        while not pod.ended.wait(max(0.0, due - time.monotonic())):
            if pod.status.wants(kind):
                before = pod.status.ready
                passed, why = self.attempt(pod, probe)
                with self._lock:
                    if not pod.ended.is_set():
                        pod.status.note(kind, passed, why)
                if pod.status.ready is not before:
                    self.route()
            due = max(due + probe["periodSeconds"], time.monotonic())

    def attempt(self, pod: Pod, probe: Manifest) -> tuple[bool, str]:
        """One attempt, and what was heard."""
        if "exec" in probe:
            began = time.monotonic()
            try:
                code, said = pod.run(*probe["exec"]["command"])
            except Exception as error:  # it is no longer there
                return False, str(error)
            took = time.monotonic() - began
            return code == 0 and took <= probe["timeoutSeconds"], f"{code} after {took:.1f} s {said.strip()[-200:]}"
        how = probe.get("httpGet") or probe["tcpSocket"]
        order = {"ip": pod.ip, "port": pod.port(how["port"]), "seconds": probe["timeoutSeconds"]}
        try:
            said = self._order(order | ({"path": how["path"]} if "httpGet" in probe else {}))
        except (OSError, ValueError) as error:  # a machine so busy that the agent is not heard
            return False, f"no answer from the agent: {error}"
        return said["passed"], said["why"]

    def failed(self, pod: Pod, kind: str, **changes: Any) -> list[str]:
        """What is heard when all attempts that can turn the verdict come now, in the middle of what goes on; empty where one passes.

        Args:
            changes: of the probe's fields.
        """
        probe = pod.status.probes[kind] | changes
        heard: list[str] = []
        for _ in range(probe["failureThreshold"]):
            passed, why = self.attempt(pod, probe)
            if passed:
                return []
            heard.append(why)
        return heard

    # Services

    def route(self) -> None:
        """The Services' ports lead to the pods that are ready."""
        with self._routing:  # what was seen first must not be said last
            found: dict[str, list] = {}
            for service in self.services:
                wanted = service["spec"]["selector"].items()
                ready = [p for p in self.pods if p.status.ready and not p.ended.is_set() and wanted <= p.labels.items()]
                for port in service["spec"]["ports"]:
                    found[str(port["port"])] = [(pod.ip, pod.port(port["targetPort"])) for pod in ready]
            self._order({"endpoints": found})

    def forwarded(self, port: int) -> int:
        """Where a Service's port is reached from here."""
        return self._published[port]

    def _order(self, order: Manifest) -> Manifest:
        with socket.create_connection(("127.0.0.1", self._published[node_agent.CONTROL]), 60) as agent:
            agent.sendall(json.dumps(order).encode() + b"\n")
            return json.loads(agent.makefile().readline())

    def close(self) -> None:
        for pod in self.pods:
            pod.ended.set()
        with ThreadPoolExecutor(4) as side_by_side:
            list(side_by_side.map(lambda pod: pod.running.remove(force=True, v=True), self.pods))
        for thread in self._threads:  # each has its last answer from the agent
            thread.join()
        self.agent.remove(force=True, v=True)
        for network in (self.inside, self.way_in):
            network.remove()


@contextmanager
def cluster(client, labels: dict[str, str], objects: list[Manifest], folder: Path) -> Iterator[Cluster]:
    found = Cluster(client, labels, objects, folder)
    try:
        yield found
    finally:
        found.close()
