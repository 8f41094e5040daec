"""The manifests in k8s/: valid for every supported release, and a clear line for each fault."""

import copy
import importlib.util
import threading
import time
import urllib.error
import urllib.request

import pytest

from companion import checkout
from companion.configs import manifests
from companion.errors import SettingError
from companion.processes.server import free_port
from companion.simulate import hpa


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


# Files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "a.yaml: there is no such file"),
        ("a: [\n", "a.yaml: line 2 is not YAML"),
        ("just words", "a.yaml: a manifest is a mapping, not str"),
    ],
)
def test_a_file_that_holds_no_manifests(tmp_path, text, message):
    if text is not None:
        (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(SettingError, match=f"^{message}"):
        manifests.load(tmp_path / "a.yaml")


def test_an_object_that_is_there_twice():
    with pytest.raises(SettingError, match=r"^HorizontalPodAutoscaler cpu-burner: is there twice$"):
        manifests.check([*objects(), scaler_manifest()], ["1.36"])


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
