"""The manifests in k8s/: rendered like Kustomize, valid for every supported release, and a clear line for each fault."""

import copy
import importlib.util
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from companion import checkout
from companion.configs import manifests
from companion.errors import SettingError
from companion.processes.server import free_port
from companion.simulate import hpa

FOLDERS = ("base", "dask", "spark", "load", "overlays/laptop", "overlays/cluster")


def by_name(objects) -> dict:
    return {manifests.named(o): o for o in objects}


@pytest.mark.parametrize("name", FOLDERS)
def test_rendered_as_kubectl_does(name):
    if not shutil.which("kubectl"):
        pytest.skip("no kubectl on the PATH to compare with")
    done = subprocess.run(["kubectl", "kustomize", checkout.folder("k8s") / name], capture_output=True, text=True)
    if done.returncode and "unknown field" in done.stderr:
        pytest.skip(f"this kubectl's Kustomize is too old: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert by_name(manifests.render(name)) == by_name(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("name", ["load", "overlays/laptop", "overlays/cluster"])
def test_valid_for_every_supported_release(name):
    manifests.check(manifests.render(name))


@pytest.mark.parametrize("name", ["overlays/laptop", "overlays/cluster"])
def test_what_every_workload_must_have(name):
    objects = manifests.render(name)
    for o in objects:
        if o["kind"] != "Deployment":
            continue
        pod = o["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False and pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            assert set(container["resources"]) == {"requests", "limits"}, manifests.named(o)
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert ":" in container["image"] and not container["image"].endswith(":latest")
            assert "readinessProbe" in container or not container.get("ports"), manifests.named(o)
    kinds = {o["kind"] for o in objects}
    assert {
        "Namespace",
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
        "NetworkPolicy",
    } <= kinds
    deployment = manifests.find(objects, "Deployment", "cpu-burner")
    assert "replicas" not in deployment["spec"], "an apply would fight the autoscaler"


def test_the_overlays_differ_where_they_should():
    laptop, cluster = (hpa.read(manifests.render(f"overlays/{name}"), "cpu-burner") for name in ("laptop", "cluster"))
    assert (laptop.minimum, laptop.maximum) == (1, 6) and (cluster.minimum, cluster.maximum) == (3, 200)
    assert laptop.behaviour == cluster.behaviour


# The autoscaler, read


def objects() -> list:
    return manifests.render("base")


def scaler_manifest() -> dict:
    return copy.deepcopy(manifests.find(objects(), "HorizontalPodAutoscaler"))


def test_the_very_manifest_is_read():
    scaler = hpa.read(objects())
    assert (scaler.minimum, scaler.maximum, scaler.target) == (3, 40, "Deployment/cpu-burner")
    assert scaler.metrics == (hpa.Metric("Resource", "cpu", "Utilization", 60),)
    assert scaler.behaviour.up.window == 0 and scaler.behaviour.down.window == 300
    assert scaler.behaviour.down.policies == (hpa.Policy("Percent", 10, 60), hpa.Policy("Pods", 1, 60))
    assert hpa.requests_of(objects(), scaler) == {"app": {"cpu": 500, "memory": 64 * 2**20 * 1000}}
    assert hpa.limits_of(objects(), scaler)["app"]["cpu"] == 500


def test_defaults_are_the_servers():
    manifest = scaler_manifest()
    for field in ("minReplicas", "metrics", "behavior"):
        del manifest["spec"][field]
    scaler = hpa.read(manifest)
    assert scaler.minimum == 1 and scaler.metrics == (hpa.Metric("Resource", "cpu", "Utilization", 80),)
    assert scaler.behaviour is None, "without behavior other rules hold than with its defaults"
    manifest["spec"]["behavior"] = {"scaleDown": {"selectPolicy": "Min"}}
    behaviour = hpa.read(manifest).behaviour
    assert behaviour.up == hpa.Rules(0, (hpa.Policy("Pods", 4, 15), hpa.Policy("Percent", 100, 15)), "Max", None)
    assert behaviour.down == hpa.Rules(None, (hpa.Policy("Percent", 100, 15),), "Min", None)


def test_every_type_of_metric():
    manifest = scaler_manifest()
    item = {"type": "AverageValue", "averageValue": "2500m"}
    described = {"apiVersion": "v1", "kind": "Service", "name": "web"}
    manifest["spec"]["minReplicas"] = 0
    manifest["spec"]["metrics"] = [
        {
            "type": "Resource",
            "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "128Mi"}},
        },
        {
            "type": "ContainerResource",
            "containerResource": {
                "name": "cpu",
                "container": "app",
                "target": {"type": "Utilization", "averageUtilization": 70},
            },
        },
        {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": item}},
        {"type": "Object", "object": {"metric": {"name": "hits"}, "describedObject": described, "target": item}},
        {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "30"}}},
    ]
    manifests.check([manifest], ["1.36"])
    scaler = hpa.read(manifest)
    assert [m.target for m in scaler.metrics] == [128 * 2**20 * 1000, 70, 2500, 2500, 30_000]
    assert scaler.metrics[1].container == "app" and scaler.minimum == 0


@pytest.mark.parametrize(
    ("text", "milli"),
    [("500m", 500), ("2", 2000), (3, 3000), ("1.5", 1500), ("0.0001", 1), ("1k", 10**6), ("1Ki", 1_024_000), ("1e3", 10**6), ("1E", 10**21), ("100u", 1), (".5", 500)],
)  # fmt: skip
def test_quantities(text, milli):
    assert hpa.quantity(text) == milli


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "5 m", "1mi", "--1", None, True, "1e"])
def test_no_quantity(text):
    with pytest.raises(ValueError, match="is not a quantity"):
        hpa.quantity(text)


def at(manifest, path, value):
    """The manifest with one field set (or removed, with None), the path as error messages write it."""
    place = manifest
    *parents, last = [int(p) if p.isdigit() else p for p in path.replace("[", ".").replace("]", "").split(".")]
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return manifest


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "apiVersion",
            "autoscaling/v2beta2",
            "'autoscaling/v2beta2' is not served any more or never was; use autoscaling/v2",
        ),
        ("spec.maxReplicas", 2, "2 is below minReplicas, 3"),
        ("spec.maxReplicas", None, "is missing"),
        ("spec.maxReplicas", "10", "must be a whole number, not '10'"),
        ("spec.minReplicas", 0, "must be at least 1, not 0"),
        ("spec.scaleTargetRef.name", None, "is missing"),
        ("spec.metrics", {"type": "Resource"}, "must be a list"),
        (
            "spec.metrics[0].type",
            "Cpu",
            "'Cpu' is unknown; it is one of Resource, ContainerResource, Pods, Object, External",
        ),
        ("spec.metrics[0].resource", None, "is missing; type Resource needs it"),
        ("spec.metrics[0].resource.name", None, "is missing"),
        ("spec.metrics[0].resource.target.type", "Value", "'Value' is unknown; it is one of Utilization, AverageValue"),
        ("spec.metrics[0].resource.target.averageUtilization", 0, "must be at least 1, not 0"),
        ("spec.metrics[0].resource.target.averageUtilization", None, "is missing"),
        ("spec.behavior.scaleUp.policies", [], "is empty; leave it out for the default"),
        ("spec.behavior.scaleUp.policies[0].type", "Share", "'Share' is unknown; it is one of Pods, Percent"),
        ("spec.behavior.scaleUp.policies[0].value", -1, "must be at least 1, not -1"),
        ("spec.behavior.scaleUp.policies[0].periodSeconds", 3600, "must be from 1 to 1800, not 3600"),
        ("spec.behavior.scaleDown.stabilizationWindowSeconds", 4000, "must be from 0 to 3600, not 4000"),
        ("spec.behavior.scaleDown.selectPolicy", "Fastest", "'Fastest' is unknown; it is one of Max, Min, Disabled"),
        ("spec.behavior.scaleDown.tolerance", "5 %", "'5 %' is not a quantity"),
        ("spec.behavior", ["fast"], "must be a mapping"),
    ],
)
def test_a_bad_autoscaler_is_one_line_with_the_path(path, value, message):
    with pytest.raises(SettingError) as caught:
        hpa.read(at(scaler_manifest(), path, value))
    text = str(caught.value)
    assert text.startswith(f"HorizontalPodAutoscaler cpu-burner: {path}: ") and message in text and "\n" not in text


def test_a_metric_that_says_two_things():
    manifest = at(scaler_manifest(), "spec.metrics[0].pods", {"metric": {"name": "rps"}})
    with pytest.raises(SettingError, match=r"spec\.metrics\[0\]\.pods: stands beside type Resource"):
        hpa.read(manifest)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("spec.template.spec.containers[0].resources", "resources.requests.cpu"),
        ("spec.template.spec.containers[0].resources.requests.cpu", "resources.requests.cpu"),
    ],
)
def test_a_target_without_requests(path, where):
    loaded = objects()
    at(manifests.find(loaded, "Deployment"), path, None)
    with pytest.raises(
        SettingError, match=rf"Deployment cpu-burner: spec\.template\.spec\.containers\[0\]\.{where}: is missing"
    ):
        hpa.read(loaded)


def test_no_or_two_autoscalers():
    with pytest.raises(SettingError, match="expected one HorizontalPodAutoscaler among the manifests, found 0"):
        hpa.read([manifests.find(objects(), "Deployment")])
    with pytest.raises(SettingError, match="named 'other'"):
        hpa.read(objects(), "other")
    with pytest.raises(SettingError, match="scales Deployment/cpu-burner, which is not among"):
        hpa.requests_of([], hpa.read(scaler_manifest()))


# The schemas


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("apiVersion", "autoscaling/v2beta2"), "apiVersion: Kubernetes 1.36 knows no HorizontalPodAutoscaler in autoscaling/v2beta2"),
        (("apiVersion", None), "apiVersion: is missing"),
        (("spec.maxReplicas", None), "spec.maxReplicas: is missing"),
        (("spec.maxReplicas", "many"), "spec.maxReplicas: 'many' is not of type 'integer'"),
        (("spec.replicas", 3), "spec.replicas: is unknown"),
        (("spec.metrics[0].resource.target.type", None), "spec.metrics[0].resource.target.type: is missing"),
    ],
)  # fmt: skip
def test_a_fault_against_the_schema_is_one_line_with_the_path(change, message):
    with pytest.raises(SettingError) as caught:
        manifests.check([at(scaler_manifest(), *change)], ["1.36"])
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("HorizontalPodAutoscaler cpu-burner: ")


# The renderer, where it refuses


def overlay(folder: Path, kustomization: str, **files: str) -> Path:
    (folder / "kustomization.yaml").write_text(kustomization)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


THING = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: thing}\ndata: {a: '1'}\n"


@pytest.mark.parametrize(
    ("kustomization", "message"),
    [
        ("namePrefix: x-", "kustomization.yaml: namePrefix: is not supported here"),
        ("resources: [gone.yaml]", "gone.yaml: there is no such file"),
        ("resources: [a.yaml, a.yaml]", "kustomization.yaml: ConfigMap thing: is there twice"),
        ("resources: [broken.yaml]", "broken.yaml: line 2 is not YAML"),
        (
            "resources: [nameless.yaml]",
            "nameless.yaml: Service without a name: a manifest has apiVersion, kind and metadata.name",
        ),
        ("resources: [text.yaml]", "text.yaml: a manifest is a mapping, not str"),
        (
            "resources: [a.yaml]\npatches: [{patch: '[]', target: {kind: Secret}}]",
            "patches: nothing matches kind Secret",
        ),
        ("resources: [a.yaml]\npatches: [{patch: '{data: {}}'}]", "a patch needs a target"),
        (
            "resources: [a.yaml]\npatches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: thing, namespace: x}}'}]",
            "patches: nothing matches version v1 kind ConfigMap name thing namespace x",
        ),
        (
            "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: '[{op: replace, path: /data/b, value: x}]'",
            "patches: replace /data/b: ConfigMap thing has no such field",
        ),
        (
            "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: '[{op: test, path: /data/a, value: x}]'",
            "patches: test /data/a: ConfigMap thing has '1' there",
        ),
        (
            "resources: [a.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: '[{op: move, path: /data/a}]'",
            "the operation 'move' is not supported here",
        ),
        ("configMapGenerator: [{name: x, literals: [a=1]}]", "with disableNameSuffixHash: true only"),
        ("resources: [a.yaml]\nreplicas: [{name: web, count: 2}]", "replicas: nothing is named 'web'"),
        ("resources: [a.yaml]\npatches: [{path: nowhere.yaml}]", "nowhere.yaml: there is no such file"),
    ],
)
def test_what_is_not_supported_is_named(tmp_path, kustomization, message):
    folder = overlay(
        tmp_path, kustomization, a=THING, broken="a: [\n", text="just words", nameless="apiVersion: v1\nkind: Service\n"
    )
    with pytest.raises(SettingError) as caught:
        manifests.render(folder)
    assert message in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_patches_images_and_labels_as_kustomize_does(tmp_path):
    """Cases that k8s/ does not have, compared with kubectl too where it is there."""
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: other}\nspec:\n"
        "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n"
        "      - {name: a, image: 'python:3', args: [one, two], env: [{name: X, value: '1'}, {name: Y, value: '2'}]}\n"
        "      - {name: b, image: 'redis:7', ports: [{containerPort: 1}, {containerPort: 2}]}\n"
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
    )
    plan = {
        "resources": ["pod.yaml"],
        "namespace": "here",
        "labels": [{"pairs": {"team": "blue"}, "includeSelectors": True}, {"pairs": {"tier": "front"}, "includeTemplates": True}],
        "images": [{"name": "python", "newName": "mirror/python", "newTag": "3.12"}, {"name": "redis", "newTag": "8"}],
        "patches": [
            {
                "patch": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: other}\nspec: {template: {spec: {containers: ["
                "{name: b, ports: [{containerPort: 2, name: two}]}, {name: c, image: 'nginx:1'},"
                "{name: a, args: [three], env: [{name: Y, value: '3'}]}]}}}\n"
            },
            {"target": {"kind": "Service"}, "patch": "- {op: add, path: /spec/ports/-, value: {port: 81, name: more}}\n"
             "- {op: add, path: /spec/ports/0/name, value: first}\n- {op: add, path: /metadata/annotations, value: {a~1b: c}}\n"},
            {"target": {"kind": "Deployment", "name": "w.*"}, "patch": "- {op: remove, path: /spec/template/spec/containers/0/ports/1}\n"},
        ],
    }  # fmt: skip
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(plan))
    ours = manifests.render(tmp_path)
    containers = manifests.find(ours, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in containers] == ["b", "c", "a"]
    assert containers[2]["image"] == "mirror/python:3.12" and containers[2]["args"] == ["three"]
    assert manifests.find(ours, "Service")["spec"]["selector"] == {"app": "web", "team": "blue"}
    if shutil.which("kubectl"):
        done = subprocess.run(["kubectl", "kustomize", tmp_path], capture_output=True, text=True)
        if "unknown field" not in done.stderr:
            assert by_name(ours) == by_name(yaml.safe_load_all(done.stdout)), done.stderr


def test_dumped_and_read_again(tmp_path):
    (tmp_path / "all.yaml").write_text(manifests.dump(objects()))
    assert manifests.load(tmp_path / "all.yaml") == objects()


# The service that is packed into the config map


def test_the_service_boots_works_and_drains(monkeypatch):
    port = free_port()
    for name, value in {
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "BOOT_SECONDS": "0.4",
        "WORK_MILLISECONDS": "5",
    }.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("packed_service", checkout.folder("k8s") / "base" / "service.py")
    service = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(service)
    server = service.ThreadingHTTPServer(("127.0.0.1", port), service.Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def status(path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code

    try:
        service.READY_AT = time.monotonic() + 3600
        assert (status("/healthz"), status("/readyz"), status("/work")) == (200, 503, 503), "alive, but not ready"
        service.READY_AT = time.monotonic() - 1
        assert (status("/readyz"), status("/work"), status("/nothing")) == (200, 200, 404)
        service.draining.set()
        assert (status("/readyz"), status("/work")) == (503, 200), "out of the endpoints, but what arrives is answered"
    finally:
        server.shutdown()
        server.server_close()
