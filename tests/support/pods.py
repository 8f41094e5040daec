"""A pod of a manifest as its kubelet would have it started: command, environment, user, limits, mounts, all read from the manifest.

What this reader does not know, it refuses: a field that is passed over in silence would be tried by nobody.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from companion import checkout
from companion.configs import manifests
from companion.simulate import hpa

Manifest = dict[str, Any]
#: where a pod runs, which one machine has no choice of
PLACED = {"topologySpreadConstraints", "affinity", "nodeSelector", "tolerations"}
_POD = {"automountServiceAccountToken", "containers", "enableServiceLinks", "restartPolicy", "securityContext"}
_POD |= {"terminationGracePeriodSeconds", "volumes", *PLACED}
_CONTAINER = {"args", "command", "env", "image", "livenessProbe", "name", "ports", "readinessProbe", "resources"}
_CONTAINER |= {"securityContext", "startupProbe", "volumeMounts", "workingDir"}
_SECURITY = {"allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem", "runAsGroup", "runAsNonRoot"}
_SECURITY |= {"runAsUser", "seccompProfile"}
#: what a node may give a pod where its kubelet has a limit (``podPidsLimit``): a manifest has no field for it
PIDS = 1024


def templates(objects: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """The name and the template of every workload, whatever its kind: what has containers in it starts pods."""
    for o in objects:
        for place in _with_containers(o):
            yield o["metadata"]["name"], place


def _with_containers(value: Any) -> Iterator[Manifest]:
    if isinstance(value, dict) and isinstance(value.get("spec"), dict) and "containers" in value["spec"]:
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _with_containers(part)


def template(objects: list[Manifest], name: str) -> Manifest:
    """The pod's spec of a workload."""
    (found,) = (t["spec"] for n, t in templates(objects) if n == name)
    return found


def everywhere() -> dict[str, str]:
    """Every pod's spec below ``k8s/``, rendered and as its kubelet sees it, with a folder that has it."""
    folders = [path.parent.relative_to(checkout.folder("k8s")) for path in kustomizations()]
    return {seen(t["spec"]): f"{folder}: {name}" for folder in folders for name, t in templates(_rendered(folder))}


def kustomizations() -> list[Path]:
    return sorted(checkout.folder("k8s").rglob("kustomization.y*ml"))


def _rendered(folder: Path) -> list[Manifest]:
    """A component is no folder to render by itself: whoever has it in its list has it rendered."""
    (file,) = (checkout.folder("k8s") / folder).glob("kustomization.y*ml")
    is_component = yaml.safe_load(file.read_text(encoding="utf-8"))["kind"] == "Component"
    return [] if is_component else manifests.render(folder)


def seen(pod: Manifest) -> str:
    """All that a kubelet does something with: not where it was placed, nor which registry an image comes from."""
    kept = json.loads(json.dumps({k: v for k, v in pod.items() if k not in PLACED}))
    for container in kept["containers"]:
        container["image"] = container["image"].rpartition("/")[2]
    return json.dumps(kept, sort_keys=True)


# The environment


def service_variables(services: list[Manifest], ip: str) -> dict[str, str]:
    """What every Service of the namespace puts into a pod's environment, unless the pod wants none (``enableServiceLinks``)."""
    found = {}
    for service in services:
        prefix, ports = re.sub(r"[-.]", "_", service["metadata"]["name"]).upper(), service["spec"]["ports"]
        found |= {f"{prefix}_SERVICE_HOST": ip, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
        found |= {f"{prefix}_SERVICE_PORT_{p['name'].upper()}": str(p["port"]) for p in ports if "name" in p}
        found[f"{prefix}_PORT"] = f"tcp://{ip}:{ports[0]['port']}"
        for port in ports:
            each = f"{prefix}_PORT_{port['port']}_TCP"
            found |= {each: f"tcp://{ip}:{port['port']}", f"{each}_PORT": str(port["port"])}
            found |= {f"{each}_PROTO": "tcp", f"{each}_ADDR": ip}
    return found


#: the cluster's own Service, whose variables every pod gets, also one that wants no others
_CLUSTER = {"metadata": {"name": "kubernetes"}, "spec": {"ports": [{"name": "https", "port": 443}]}}


def environment(
    objects: list[Manifest], pod: Manifest, container: Manifest, ip: str, services_ip: str
) -> dict[str, str]:
    """What the container gets: the Services' variables, then its own, those of the pod's fields among them."""
    services = [o for o in objects if o["kind"] == "Service"] if pod.get("enableServiceLinks", True) else []
    found = service_variables([_CLUSTER, *services], services_ip)
    for entry in container.get("env", []):
        field = entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        assert ("value" in entry) or field == "status.podIP", f"{entry} is not known here"
        found[entry["name"]] = ip if field else expanded(entry["value"], found)
    return found


def expanded(text: str, environment: dict[str, str]) -> str:
    """``$(NAME)`` replaced where there is such a variable."""
    return re.sub(r"\$\((\w+)\)", lambda match: environment.get(match[1], match[0]), text)


# The container


def options(objects: list[Manifest], pod: Manifest, ip: str, services_ip: str, folder: Path) -> dict[str, Any]:
    """The pod's only container, as arguments for Docker: all but its image, its network and its names.

    Args:
        folder: of this pod's own, for the files of config maps.
    """
    (container,) = pod["containers"]
    _known("pod", pod, _POD)
    _known("container", container, _CONTAINER)
    security = pod.get("securityContext", {}) | container.get("securityContext", {})
    _known("security context", security, _SECURITY)
    given = environment(objects, pod, container, ip, services_ip)
    binds, scratch = mounts(objects, pod, container, folder)
    limits, user = container["resources"]["limits"], security.get("runAsUser")
    words = {name: [expanded(word, given) for word in container.get(name, [])] for name in ("command", "args")}
    profile = security.get("seccompProfile", {"type": "Unconfined"})["type"]
    assert profile in ("RuntimeDefault", "Unconfined"), f"seccomp profile {profile} is not known here"
    assert not security.get("runAsNonRoot") or user, "the kubelet refuses to start it as root"
    memory = hpa.quantity(limits["memory"]) // 1000
    return {
        # a manifest's command takes the place of an image's entrypoint
        **({"entrypoint": words["command"]} if words["command"] else {}),
        "command": words["args"] or None,
        "environment": given,
        # without a group it is the one that the image gives the user, for Docker as for Kubernetes
        "user": None if user is None else f"{user}:{security['runAsGroup']}" if "runAsGroup" in security else str(user),
        "read_only": security.get("readOnlyRootFilesystem", False),
        "security_opt": [
            *(["no-new-privileges"] if security.get("allowPrivilegeEscalation") is False else []),
            *(["seccomp=unconfined"] if profile == "Unconfined" else []),
        ],
        "cap_drop": security.get("capabilities", {}).get("drop", []),
        "cap_add": security.get("capabilities", {}).get("add", []),
        # no share by requests.cpu: no scheduler would have put all of this on one small machine
        "nano_cpus": hpa.quantity(limits["cpu"]) * 10**6,
        "mem_limit": memory,
        "memswap_limit": memory,
        "pids_limit": PIDS,
        "working_dir": container.get("workingDir"),
        "volumes": binds,
        "tmpfs": scratch,
    }


def _known(what: str, fields: Manifest, known: set[str]) -> None:
    assert set(fields) <= known, f"{what}: {sorted(set(fields) - known)}: this kubelet does nothing with it yet"


def mounts(objects: list[Manifest], pod: Manifest, container: Manifest, folder: Path) -> tuple[dict, dict[str, str]]:
    """Binds for config maps, and file systems in memory for ``emptyDir``.

    A real one is a folder of the node's disk. In memory it has its ``sizeLimit`` at once instead of an eviction later, and what
    is in it counts as the container's memory: stricter than a node in both.
    """
    binds, scratch = {}, {}
    volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        assert set(mount) <= {"name", "mountPath", "readOnly"}, mount
        volume = volumes[mount["name"]]
        if "emptyDir" in volume:
            limit = hpa.quantity(volume["emptyDir"]["sizeLimit"]) // 1000
            scratch[mount["mountPath"]] = f"exec,mode=1777,size={limit}"
            continue
        place = folder / mount["name"]
        place.mkdir(parents=True, exist_ok=True)
        for name, content in manifests.find(objects, "ConfigMap", volume["configMap"]["name"])["data"].items():
            (place / name).write_text(content, encoding="utf-8")
        for part in (place, folder):  # pytest's folders are their owner's alone
            part.chmod(0o755)
        binds[str(place)] = {"bind": mount["mountPath"], "mode": "ro" if mount.get("readOnly") else "rw"}
    return binds, scratch
