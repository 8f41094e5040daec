"""A pod of a manifest as its kubelet starts it: command, environment, user, limits, mounts and probes, all read from the manifest."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import requests

from companion.configs import manifests
from companion.simulate import hpa

Manifest = dict[str, Any]


def template(objects: list[Manifest], kind: str, name: str) -> Manifest:
    """The pod's spec of a workload."""
    return manifests.find(objects, kind, name)["spec"]["template"]["spec"]


def service_variables(objects: list[Manifest]) -> dict[str, str]:
    """What every Service of the namespace puts into a pod's environment, unless the pod wants none (``enableServiceLinks``)."""
    found = {}
    for number, service in enumerate((o for o in objects if o["kind"] == "Service"), 1):
        address, prefix = f"10.96.0.{number}", re.sub(r"[-.]", "_", service["metadata"]["name"]).upper()
        ports = service["spec"]["ports"]
        found |= {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
        found[f"{prefix}_PORT"] = f"tcp://{address}:{ports[0]['port']}"
        for port in ports:
            each = f"{prefix}_PORT_{port['port']}_TCP"
            found |= {each: f"tcp://{address}:{port['port']}", f"{each}_PORT": str(port["port"])}
            found |= {f"{each}_PROTO": "tcp", f"{each}_ADDR": address}
    return found


def environment(objects: list[Manifest], pod: Manifest, container: Manifest, ip: str) -> dict[str, str]:
    """What the container gets: the Services' variables, then its own, those of the pod's fields among them."""
    found = service_variables(objects) if pod.get("enableServiceLinks", True) else {}
    for entry in container.get("env", []):
        field = entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        assert field in (None, "status.podIP"), field
        found[entry["name"]] = ip if field else expanded(entry["value"], found)
    return found


def expanded(text: str, environment: dict[str, str]) -> str:
    """``$(NAME)`` replaced where there is such a variable."""
    return re.sub(r"\$\((\w+)\)", lambda match: environment.get(match[1], match[0]), text)


def command(container: Manifest, environment: dict[str, str]) -> list[str]:
    return [expanded(word, environment) for word in container.get("command", []) + container.get("args", [])]


def run(client, image: str, objects: list[Manifest], pod: Manifest, folder, labels: dict[str, str], **changes: str):
    """The pod's only container, under the rules that its manifest has for it.

    Args:
        image: what stands for the image that the manifest names.
        folder: of this test's own, for the files of config maps.
        changes: of the environment.
    """
    (container,) = pod["containers"]
    given = environment(objects, pod, container, "127.0.0.1") | changes
    security, limits = pod["securityContext"] | container["securityContext"], container["resources"]["limits"]
    binds, scratch = {}, {}
    for mount in container.get("volumeMounts", []):
        (volume,) = (v for v in pod["volumes"] if v["name"] == mount["name"])
        if "emptyDir" in volume:
            scratch[mount["mountPath"]] = "mode=1777"
            continue
        for name, content in manifests.find(objects, "ConfigMap", volume["configMap"]["name"])["data"].items():
            (folder / name).write_text(content)
        binds[str(folder)] = {"bind": mount["mountPath"], "mode": "ro"}
    folder.chmod(0o755)
    return client.containers.run(
        image,
        command(container, given),
        detach=True,
        labels=labels,
        environment=given,
        user=f"{security['runAsUser']}:{security.get('runAsGroup', 0)}",
        read_only=security["readOnlyRootFilesystem"],
        security_opt=["no-new-privileges"] if security["allowPrivilegeEscalation"] is False else [],
        cap_drop=security["capabilities"]["drop"],
        nano_cpus=hpa.quantity(limits["cpu"]) * 10**6,
        mem_limit=hpa.quantity(limits["memory"]) // 1000,
        volumes=binds,
        tmpfs=scratch,
        ports={f"{port['containerPort']}/tcp": ("127.0.0.1", None) for port in container.get("ports", [])},
    )


def address(running, container: Manifest, port: str | int) -> str:
    """Where a port of the container, by name or number, is reached from here."""
    running.reload()
    numbers = {entry["name"]: entry["containerPort"] for entry in container["ports"]}
    (published,) = running.ports[f"{numbers.get(port, port)}/tcp"]
    return f"http://127.0.0.1:{published['HostPort']}"


def probed(base: str, probe: Manifest) -> bool:
    """One attempt: an answer below 400 within the timeout."""
    try:
        return requests.get(base + probe["httpGet"]["path"], timeout=probe.get("timeoutSeconds", 1)).status_code < 400
    except requests.RequestException:
        return False


def verdicts(attempt: Callable[[], bool], probe: Manifest, attempts: int) -> Iterator[bool]:
    """What the kubelet holds of a container after each attempt, which begins as passing: so many failures in a row turn it."""
    failures, passing = 0, True
    for _ in range(attempts):
        began = time.monotonic()
        if attempt():
            failures, passing = 0, True
        else:
            failures += 1
            passing = passing and failures < probe.get("failureThreshold", 3)
        yield passing
        time.sleep(max(0.0, began + probe.get("periodSeconds", 10) - time.monotonic()))
