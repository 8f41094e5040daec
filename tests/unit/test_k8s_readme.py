"""The commands of k8s/README.md, which nobody here can run: kubectl knows each option, and what they name is there."""

import re
import shlex
import shutil
import subprocess
from functools import cache
from itertools import pairwise

import pytest
import yaml
from test_image_names import is_built_here
from test_public_files import TARGETS, dead_links, unknown_commands

from companion import checkout
from companion.configs import kustomize, manifests
from companion.errors import SettingError

ROOT = checkout.folder()
README = (ROOT / "k8s" / "README.md").read_text(encoding="utf-8")
FOLDERS = ("base", "overlays/laptop", "overlays/cluster", "dask", "spark", "load", "monitoring")
#: subcommands and options of kind 0.20 and newer that the page uses; no package of this environment brings kind
KIND = {
    "create cluster": {"--config", "--name", "--kubeconfig", "--wait"},
    "load docker-image": {"--name", "--nodes"},
    "delete cluster": {"--name", "--kubeconfig"},
}
#: the short names of kinds that the page uses
KINDS = {"deployment": "Deployment", "service": "Service", "job": "Job", "hpa": "HorizontalPodAutoscaler"}
KINDS |= {"namespace": "Namespace"}
#: of the cluster, not of these folders
OTHERS = {"deployment/metrics-server", "namespace/kube-system"}


def commands(text: str) -> list[list[str]]:
    """The words of each command in the page's blocks and in its prose; a pipe's parts one by one."""
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)).replace("\\\n", " ")
    prose = re.findall(
        r"`((?:kubectl|kind|docker|minikube) [^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    )
    lines = [part for line in [*blocks.splitlines(), *prose] for part in re.split(r" \| (?:sudo )?", line)]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def faults(words: list[str]) -> list[str]:
    """What somebody would find who types this command."""
    program, *rest = words
    found = [f"no file {word}" for word in rest if word.startswith("k8s/") and not (ROOT / word).exists()]
    found += [f"nobody builds {w}" for w in rest if w.startswith("companion/") and not is_built_here(w)]
    match program:
        case "kubectl":
            found += kubectl_faults(rest)
        case "kind":
            options = {word.partition("=")[0] for word in rest if word.startswith("-")}
            known = KIND.get(" ".join(rest[:2]))
            found += [f"kind {rest}"] if known is None else sorted(options - known)
        case "make":
            found += [f"no target {word}" for word in rest if word not in TARGETS]
        case "export":
            found += (
                [] if re.match(r"(KUBECONFIG|DASK_SCHEDULER_ADDRESS|SPARK_REMOTE)=", rest[0]) else [f"export {rest}"]
            )
        case "docker" | "minikube" | "k3s":
            pass
        case _:
            found += [] if program.startswith("scripts/") and (ROOT / program).exists() else [f"what is {program}"]
    return found


def kubectl_faults(rest: list[str]) -> list[str]:
    place = [rest[n + 1] for n, word in enumerate(rest[:-1]) if word == "-k"]
    try:
        for folder in place:
            built(folder)
    except SettingError as error:
        return [str(error)]
    if rest[0] == "kustomize":  # how the folders are rendered
        return []
    # the options are read before the help is printed, and nothing else is done
    asked = subprocess.run([kustomize.kubectl(), *rest, "--help"], capture_output=True, text=True)
    said = [asked.stderr.splitlines()[0]] if asked.returncode else []
    named = {word for word in rest if re.fullmatch(rf"(?:{'|'.join(KINDS)})/[\w-]+", word)}
    named |= {f"{a}/{b}" for a, b in pairwise(rest) if a in KINDS and re.fullmatch(r"[a-z][\w-]+", b)}
    named |= {f"namespace/{b}" for a, b in pairwise(rest) if a == "-n"}
    if rest[0] == "port-forward" and len(rest) > 2:
        named.add(f"{rest[-2]} {rest[-1].rpartition(':')[2]}")
    return said + [f"no {name}" for name in sorted(named - OTHERS - there())]


@cache
def built(folder: str) -> str:
    return kustomize.build(ROOT / folder)


@cache
def there() -> set[str]:
    short = {kind: name for name, kind in KINDS.items()}
    objects = [o for folder in FOLDERS for o in manifests.render(folder) if o["kind"] in short]
    ports = {
        f"service/{o['metadata']['name']} {p['port']}"
        for o in objects
        if o["kind"] == "Service"
        for p in o["spec"]["ports"]
    }
    return ports | {f"{short[o['kind']]}/{o['metadata']['name']}" for o in objects}


def test_every_command_can_be_typed():
    found = commands(README)
    assert len(found) > 30 and {"kubectl", "kind", "docker", "export", "make"} <= {words[0] for words in found}
    assert {" ".join(words): wrong for words in found if (wrong := faults(words))} == {}
    assert dead_links(README, ROOT / "k8s") == [] and unknown_commands(README) == []


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("kubectl apply --dry=server -k k8s/dask", "unknown flag: --dry"),
        ("kubectl aply -k k8s/dask", 'unknown command "aply"'),
        ("kubectl apply -k k8s/nothing", "no file k8s/nothing"),
        ("kubectl rollout status deployment/dask -n scalable-ai", "no deployment/dask"),
        ("kubectl delete namespace scalable-ia", "no namespace/scalable-ia"),
        ("kubectl port-forward -n scalable service/dask-scheduler 8786", "no namespace/scalable"),
        ("kubectl port-forward -n scalable-ai service/cpu-burner 8080", "no service/cpu-burner 8080"),
        ("kind load docker-image companion/dask:0.1.0", "nobody builds companion/dask:0.1.0"),
        ("kind load docker-image companion/worker:0.1.0 --cluster x", "--cluster"),
        ("kind start", "kind ['start']"),
        ("scripts/image.sh worker", "what is scripts/image.sh"),
    ],
)
def test_a_wrong_command_is_noticed(command, wrong):
    assert wrong in " ".join(faults(shlex.split(command)))


def test_every_overlay_is_asked_of_the_server_first():
    asked = {words[-1] for words in commands(README) if "--dry-run=server" in words}
    assert asked == {f"k8s/{name}" for name in FOLDERS if name not in ("base", "monitoring")}


def test_the_patch_for_shared_files_renders_and_is_valid(tmp_path):
    """As a reader would put it: a folder beside the overlays, here with a path to them from elsewhere."""
    (patch,) = re.findall(r"^```yaml\n(.*?)^```", README, re.M | re.S)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "workspace"},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "10Gi"}}},
    }
    place = tmp_path / "overlays" / "shared"
    place.mkdir(parents=True)
    for folder in ("base", "dask", "spark"):
        shutil.copytree(ROOT / "k8s" / folder, tmp_path / folder)
    shutil.copytree(ROOT / "k8s" / "overlays" / "cluster", tmp_path / "overlays" / "cluster")
    (place / "claim.yaml").write_text(yaml.safe_dump(claim))
    (place / "kustomization.yaml").write_text(patch)
    objects = manifests.render(place)
    manifests.check(objects, manifests.RELEASES[-1:])
    for name in ("dask-worker", "spark-worker"):
        (container,) = manifests.find(objects, "Deployment", name)["spec"]["template"]["spec"]["containers"]
        (mount,) = (m for m in container["volumeMounts"] if m["name"] == "workspace")
        assert {"name": "COMPANION_WORKSPACE", "value": mount["mountPath"]} in container["env"]


def test_the_file_for_kind_makes_the_cluster_that_the_commands_name():
    cluster = yaml.safe_load((ROOT / "k8s" / "kind.yaml").read_text(encoding="utf-8"))
    assert (cluster["kind"], cluster["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    named = {words[words.index("--name") + 1] for words in commands(README) if "--name" in words}
    assert named == {cluster["name"]} and {node["role"] for node in cluster["nodes"]} == {"control-plane"}
