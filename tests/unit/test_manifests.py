"""The manifests in k8s/: valid for every supported release, and a clear line for each fault."""

import contextlib
import copy
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from processes import until

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


@pytest.mark.parametrize("name", ["load", "overlays/laptop", "overlays/cluster"])
def test_no_pod_gets_the_variables_of_the_services(name):
    """SPARK_MASTER_PORT=tcp://... ends Spark's master; what else would be misread is not waited for."""
    pods = [o["spec"]["template"]["spec"] for o in manifests.render(name) if "template" in o.get("spec", {})]
    assert pods and all(pod["enableServiceLinks"] is False for pod in pods)


@pytest.mark.parametrize("name", ["overlays/laptop", "overlays/cluster"])
def test_a_busy_pod_is_given_time(name):
    """One slow answer takes no pod out, and a pod is out long before it is started again."""
    (app,) = manifests.find(manifests.render(name), "Deployment", "cpu-burner")["spec"]["template"]["spec"][
        "containers"
    ]
    ready, alive = app["readinessProbe"], app["livenessProbe"]
    assert ready["failureThreshold"] >= 3 and ready["timeoutSeconds"] >= 3
    assert (
        3 * ready["failureThreshold"] * ready["periodSeconds"] < 2 * alive["failureThreshold"] * alive["periodSeconds"]
    )
    assert app["startupProbe"]["httpGet"]["path"] == ready["httpGet"]["path"], "it waits for the model"


def test_the_driver_has_an_address_that_others_resolve():
    (connect,) = manifests.find(manifests.render("spark"), "Deployment", "spark-connect")["spec"]["template"]["spec"][
        "containers"
    ]
    assert "spark.driver.host=$(POD_IP)" in connect["command"]
    (entry,) = (e for e in connect["env"] if e["name"] == "POD_IP")
    assert entry["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}


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
        ("apiVersion", "autoscaling.k8s.io/v1", "'autoscaling.k8s.io/v1' is not served any more or never was"),
        ("apiVersion", 2, "2 is not served any more or never was; use autoscaling/v2"),
        ("apiVersion", None, "is missing; use autoscaling/v2"),
        ("spec.metrics[0].resource.target.averageUtilization", "70", "must be a whole number, not '70'"),
        ("spec.metrics[0].resource.target.averageUtilization", True, "must be a whole number, not True"),
        ("metadata", [], "must be a mapping"),
        ("metadata.namespace", 5, "must be a text"),
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
        ("spec.metrics[0].resource.target.type", "Share", "'Share' is unknown; it is one of Utilization, AverageValue"),
        ("spec.metrics[0].resource.target.type", None, "is missing; it is one of Utilization, AverageValue, Value"),
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
    named = "without a name" if path == "metadata" else "cpu-burner"
    assert text.startswith(f"HorizontalPodAutoscaler {named}: {path}: ") and message in text and "\n" not in text


def test_v1_is_called_what_it_is():
    manifest = at(scaler_manifest(), "apiVersion", "autoscaling/v1")
    with pytest.raises(
        SettingError, match=r"apiVersion: autoscaling/v1 is the older form of the same object, and is served"
    ):
        hpa.read(manifest)


@pytest.mark.parametrize(
    ("path", "value", "advice"),
    [
        ("spec.behaviour", {}, "did you mean behavior?"),
        ("spec.MinReplicas", 2, "did you mean minReplicas?"),
        ("spec.maxReplica", 9, "did you mean maxReplicas?"),
        ("spec.metric", [], "did you mean metrics?"),
        ("spec.targetCPU", 50, "; here is room for scaleTargetRef, minReplicas"),
        ("spec.metrics[0].resource.selector", {}, "here; did you mean spec.metrics.pods.metric.selector"),
        (
            "spec.behavior.scaleDown.policies[0].stabilizationWindowSeconds",
            5,
            "here; did you mean spec.behavior.scaleUp.stabilizationWindowSeconds or",
        ),
        ("spec.minreplicas", 2, "did you mean minReplicas?"),
        ("spec.targetCPUUtilizationPercentage", 50, "it is of autoscaling/v1; here it is averageUtilization"),
        (
            "spec.stabilizationWindowSeconds",
            5,
            "here; did you mean spec.behavior.scaleUp.stabilizationWindowSeconds or",
        ),
        ("spec.scaleTargetRef.namespace", "x", "; here is room for apiVersion, kind, name"),
        ("spec.behavior.scaledown", {}, "did you mean scaleDown?"),
        ("spec.behavior.scaleDown.stabilisationWindowSeconds", 5, "did you mean stabilizationWindowSeconds?"),
        ("spec.behavior.scaleDown.policies[1].period", 5, "did you mean periodSeconds?"),
        ("spec.metrics[0].resources", {}, "did you mean resource?"),
        ("spec.metrics[0].resource.targetAverageUtilization", 50, "it is of autoscaling/v2beta1; here it is target."),
        ("spec.metrics[0].resource.target.averageUtilisation", 50, "did you mean averageUtilization?"),
        ("metadata.label", {}, "did you mean labels?"),
        ("specs", {}, "did you mean spec?"),
    ],
)
def test_a_field_that_is_not_there_is_named_with_what_was_meant(path, value, advice):
    with pytest.raises(SettingError) as caught:
        hpa.read(at(scaler_manifest(), path, value))
    text = str(caught.value)
    assert text.startswith(f"HorizontalPodAutoscaler cpu-burner: {path}: is unknown") and advice in text, text
    assert "\n" not in text


def test_what_a_server_has_written_is_known():
    """A manifest as ``kubectl get -o yaml`` gives it: status, managed fields, annotations of any name."""
    manifest = scaler_manifest()
    manifest["metadata"] |= {"uid": "1", "resourceVersion": "2", "creationTimestamp": None, "generation": 3}
    manifest["metadata"]["managedFields"] = [{"fieldsV1": {"f:spec": {}}}]
    manifest["metadata"]["annotations"] = {"behaviour": "ours"}
    manifest["status"] = {"currentReplicas": 1, "desiredReplicas": 1, "currentMetrics": [{"type": "Resource"}]}
    selector = {
        "matchLabels": {"behaviour": "x"},
        "matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}],
    }
    metric = {"metric": {"name": "rps", "selector": selector}, "target": {"type": "AverageValue", "averageValue": 5}}
    manifest["spec"]["metrics"].append({"type": "Pods", "pods": metric})
    assert len(hpa.read(manifest).metrics) == 2


def test_the_known_fields_are_those_of_the_published_schema():
    """No field that a server takes is refused, and none is taken that no server has."""
    import kubernetes_validate

    from companion.simulate.hpa import fields

    (package,) = kubernetes_validate.__path__
    for release in ("1.30", manifests.RELEASES[-1]):
        folder = Path(package) / "kubernetes-json-schema" / f"v{release}.0-local"
        definitions = json.loads((folder / "_definitions.json").read_text())["$defs"]

        def paths(schema, path="", definitions=definitions):
            schema = schema.get("items", schema)
            schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            for name, below in (schema.get("properties") or {}).items():
                yield f"{path}.{name}".lstrip(".")
                if name != "status":
                    yield from paths(below, f"{path}.{name}".lstrip("."))

        served = set(paths(definitions["io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler"]))
        served = {path for path in served if path.count(".") < 2 or not path.startswith("metadata.")}
        ours = set(fields.paths(fields.AUTOSCALER))
        assert served - ours == set(), release
        younger = {f"spec.behavior.scale{way}.tolerance" for way in ("Up", "Down")}  # from 1.33 on
        assert ours - served <= (younger if release == "1.30" else set()), release


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"type": "Value", "averageUtilization": 70}, ("Utilization", 70)),
        ({"type": "Utilization", "averageValue": "2"}, ("AverageValue", 2000)),
        ({"type": "AverageValue", "averageUtilization": 70, "averageValue": None}, ("Utilization", 70)),
    ],
)
def test_the_value_that_is_there_decides_not_the_written_type(target, expected):
    """The API server takes any of its three types beside any value, and the controller reads the value."""
    scaler = hpa.read(at(scaler_manifest(), "spec.metrics[0].resource.target", target))
    assert (scaler.metrics[0].target_type, scaler.metrics[0].target) == expected


@pytest.mark.parametrize(
    ("kind", "target", "message"),
    [
        ("resource", {"averageUtilization": 70, "averageValue": "2"}, "averageValue: stands beside averageUtilization"),
        ("external", {"value": "3", "averageValue": "2"}, "averageValue: stands beside value"),
        ("external", {}, "averageValue: is missing"),
        ("pods", {"value": "3"}, "averageValue: is missing"),
        ("object", {"averageValue": "3", "type": "Value"}, "value: is missing"),
        ("object", {"value": "3", "type": "Utilization"}, "type: 'Utilization' is unknown"),
        ("resource", {"averageUtilization": 70, "value": "-3"}, "value: must be positive, not -3"),
    ],
)
def test_a_target_that_the_server_or_the_controller_refuses(kind, target, message):
    manifest = scaler_manifest()
    source = {"name": "cpu"} if kind == "resource" else {"metric": {"name": "rps"}}
    if kind == "object":
        source["describedObject"] = {"kind": "Service", "name": "web"}
    target = {"type": "AverageValue", **target}
    manifest["spec"]["metrics"] = [{"type": kind.capitalize(), kind: {**source, "target": target}}]
    with pytest.raises(SettingError, match=rf"spec\.metrics\[0\]\.{kind}\.target\.{message}"):
        hpa.read(manifest)


def test_an_object_metric_says_of_what():
    manifest = scaler_manifest()
    source = {"metric": {"name": "hits"}, "target": {"type": "Value", "value": 5}}
    manifest["spec"]["metrics"] = [{"type": "Object", "object": source}]
    with pytest.raises(SettingError, match=r"object\.describedObject\.kind: is missing"):
        hpa.read(manifest)


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
    deployment = manifests.find(loaded, "Deployment")
    if path.endswith("cpu"):  # a limit alone would be the request
        at(deployment, path.replace("requests", "limits"), None)
    at(deployment, path, None)
    with pytest.raises(
        SettingError, match=rf"Deployment cpu-burner: spec\.template\.spec\.containers\[0\]\.{where}: is missing"
    ):
        hpa.read(loaded)


# What is requested, with the API server's defaults


def pod_of(loaded: list) -> dict:
    return manifests.find(loaded, "Deployment")["spec"]["template"]["spec"]


def with_pod(**changes) -> list:
    """The base with fields of the pod's spec replaced; ``resources_of_app`` are those of its container."""
    loaded = copy.deepcopy(objects())
    app = pod_of(loaded)["containers"][0]
    app["resources"] = changes.pop("resources_of_app", app["resources"])
    pod_of(loaded).update(changes)
    return loaded


def sidecar(**changes) -> dict:
    return {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always", **changes}


def test_a_limit_without_a_request_is_requested():
    loaded = with_pod(resources_of_app={"limits": {"cpu": "250m", "memory": "1Gi"}, "requests": {"memory": "64Mi"}})
    scaler = hpa.read(loaded)
    assert hpa.requests_of(loaded, scaler)["app"] == {"cpu": 250, "memory": 64 * 2**20 * 1000}
    assert hpa.limits_of(loaded, scaler)["app"]["cpu"] == 250


def test_a_sidecar_counts_and_an_init_container_does_not():
    first = {"name": "migrate", "image": "migrate:1", "resources": {"requests": {"cpu": "2"}}}
    loaded = with_pod(initContainers=[first, sidecar(resources={"requests": {"cpu": "100m"}})])
    manifests.check(loaded, ["1.36"])
    scaler = hpa.read(loaded)
    requests = hpa.requests_of(loaded, scaler)
    assert {name: given["cpu"] for name, given in requests.items()} == {"app": 500, "proxy": 100}
    pods = [hpa.Pod("p", requests=requests)]
    assert hpa.propose(scaler.metrics[0], {"p": hpa.PodMetric(300)}, hpa.Turn(1, pods)).utilization == 50


@pytest.mark.parametrize(
    ("resources", "cpu"),
    [
        ({"limits": {"cpu": 0.5}}, 500),  # YAML makes a number of it
        ({"limits": {"cpu": "1.5"}, "requests": {}}, 1500),
        ({"limits": {"cpu": "250m"}, "requests": {"cpu": None}}, 250),
        ({"limits": {"cpu": "1"}, "requests": {"cpu": "0"}}, 0),  # said, and so not made up
    ],
)
def test_how_a_limit_may_be_written(resources, cpu):
    loaded = with_pod(resources_of_app=resources)
    requests = hpa.requests_of(loaded, hpa.read(loaded))
    assert requests["app"]["cpu"] == cpu
    if not cpu:
        metric = hpa.Metric("Resource", "cpu", "Utilization", 60)
        with pytest.raises(hpa.MetricError, match="no metrics returned matched known pods"):
            hpa.propose(metric, {"p": hpa.PodMetric(5)}, hpa.Turn(1, [hpa.Pod("p", requests=requests)]))


def test_a_limit_of_another_resource_is_no_request():
    with pytest.raises(SettingError, match=r"containers\[0\]\.resources\.requests\.cpu: is missing"):
        hpa.read(with_pod(resources_of_app={"limits": {"memory": "512Mi"}}))
    second = {"name": "log", "image": "log:1", "resources": {"requests": {"memory": "1Gi"}}}
    with pytest.raises(SettingError, match=r"containers\[1\]\.resources\.requests\.cpu: is missing"):
        hpa.read(with_pod(containers=[*pod_of(objects())["containers"], second]))


@pytest.mark.parametrize(
    ("containers", "cpu"),
    [
        ([sidecar(), sidecar(name="log", resources={"limits": {"cpu": "0.05"}}), {"name": "m", "image": "m:1"}], 650),
        ([sidecar(restartPolicy="OnFailure", resources={})], 500),  # from 1.34 on; it ends, and so it is none
        ([sidecar(restartPolicy=None, resources={}), None], 500),
    ],
)
def test_which_of_the_init_containers_stay(containers, cpu):
    if containers[0]["restartPolicy"] == "Always":
        containers[0]["resources"] = {"requests": {"cpu": "100m"}}
    loaded = with_pod(initContainers=containers)
    assert sum(of["cpu"] for of in hpa.requests_of(loaded, hpa.read(loaded)).values()) == cpu


def test_a_metric_of_an_init_container_that_ends_finds_none():
    target = {"type": "Utilization", "averageUtilization": 60}
    metric = {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "m", "target": target}}
    loaded = with_pod(initContainers=[{"name": "m", "image": "m:1", "resources": {"requests": {"cpu": 1}}}])
    manifests.find(loaded, "HorizontalPodAutoscaler")["spec"]["metrics"] = [metric]
    with pytest.raises(SettingError, match="has no container named 'm'"):
        hpa.read(loaded)


def test_a_container_has_a_name():
    """Two without one would count as one."""
    nameless = {"image": "x:1", "restartPolicy": "Always", "resources": {"limits": {"cpu": 1}}}
    with pytest.raises(SettingError, match=r"spec\.initContainers\[0\]\.name: is missing"):
        hpa.read(with_pod(initContainers=[nameless]))


def test_a_sidecar_without_a_request_is_a_fault():
    loaded = with_pod(initContainers=[sidecar()])
    with pytest.raises(SettingError, match=r"spec\.initContainers\[0\]\.resources\.requests\.cpu: is missing"):
        hpa.read(loaded)


def test_a_metric_of_one_container_may_be_a_sidecars():
    loaded = with_pod(initContainers=[sidecar(resources={"limits": {"cpu": "100m"}})])
    target = {"type": "Utilization", "averageUtilization": 60}
    metric = {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "proxy", "target": target}}
    spec = manifests.find(loaded, "HorizontalPodAutoscaler")["spec"]
    spec["metrics"] = [metric]
    assert hpa.read(loaded).metrics[0].container == "proxy"
    metric["containerResource"]["container"] = "gone"
    with pytest.raises(SettingError, match=r"Deployment cpu-burner: has no container named 'gone'"):
        hpa.read(loaded)


@pytest.mark.parametrize(
    ("app", "pod", "cpu"),
    [
        (None, {"requests": {"cpu": "1"}}, 1000),
        (None, {"limits": {"cpu": "2"}}, 2000),
        ({"requests": {"cpu": "300m"}}, {"limits": {"cpu": "2"}}, 300),
        ({"requests": {"cpu": "300m"}}, {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}, 1000),
        ({"requests": {"cpu": "300m"}}, {"requests": {"memory": "1Gi"}}, 300),
    ],
)
def test_what_a_pod_requests_as_a_whole(app, pod, cpu):
    """KEP-2837: it stands for the sum of the containers; what it leaves out is theirs, or its limit."""
    loaded = with_pod(resources_of_app=app, resources=pod)
    scaler = hpa.read(loaded)
    requests = hpa.requests_of(loaded, scaler)
    pods = [hpa.Pod("p", requests=requests)]
    found = hpa.propose(scaler.metrics[0], {"p": hpa.PodMetric(cpu // 2)}, hpa.Turn(1, pods))
    assert found.utilization == 50 and requests[""]["cpu"] == cpu


def test_a_whole_pod_without_the_resource():
    loaded = with_pod(resources_of_app=None, resources={"requests": {"memory": "1Gi"}})
    with pytest.raises(SettingError, match=r"spec\.template\.spec\.resources\.requests\.cpu: is missing"):
        hpa.read(loaded)
    pods = [hpa.Pod("p", requests={"app": {}, "": {"memory": 1}})]
    metric = hpa.Metric("Resource", "cpu", "Utilization", 60)
    with pytest.raises(hpa.MetricError, match="missing pod-level request for cpu in pod p"):
        hpa.propose(metric, {"p": hpa.PodMetric(5)}, hpa.Turn(1, pods))


def test_a_whole_pod_with_a_sidecar_with_memory_and_with_a_metric_of_one_container():
    with_sidecar = with_pod(
        resources_of_app={"requests": {"cpu": "300m"}},
        resources={"limits": {"cpu": "1"}},
        initContainers=[sidecar(resources={"requests": {"cpu": "200m"}})],
    )
    assert hpa.requests_of(with_sidecar, hpa.read(with_sidecar))[""] == {"cpu": 500}
    memory = with_pod(resources_of_app={"requests": {"memory": "1Gi"}}, resources={"requests": {"cpu": "1"}})
    target = {"type": "Utilization", "averageUtilization": 60}
    manifests.find(memory, "HorizontalPodAutoscaler")["spec"]["metrics"] = [
        {"type": "Resource", "resource": {"name": "memory", "target": target}}
    ]
    assert hpa.requests_of(memory, hpa.read(memory))[""] == {"cpu": 1000, "memory": 2**30 * 1000}
    one = with_pod(resources_of_app={}, resources={"requests": {"cpu": "1"}})
    manifests.find(one, "HorizontalPodAutoscaler")["spec"]["metrics"] = [
        {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app", "target": target}}
    ]
    with pytest.raises(SettingError, match=r"containers\[0\]\.resources\.requests\.cpu: is missing"):
        hpa.read(one)  # the pod's request is none of the container's
    nothing = with_pod(resources={"claims": [{"name": "gpu"}]})
    assert hpa.requests_of(nothing, hpa.read(nothing))["app"]["cpu"] == 500


def test_a_limit_range_gives_requests():
    loaded = with_pod(resources_of_app=None)
    space = manifests.find(loaded, "Deployment")["metadata"]["namespace"]
    item = {"type": "Container", "default": {"cpu": "400m"}, "defaultRequest": {"cpu": "200m"}}
    ranges = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "d", "namespace": space},
        "spec": {"limits": [item]},
    }
    assert hpa.requests_of([*loaded, ranges], hpa.read([*loaded, ranges]))["app"]["cpu"] == 200
    ranges["metadata"]["namespace"] = "elsewhere"
    with pytest.raises(SettingError, match=r"requests\.cpu: is missing"):
        hpa.read([*loaded, ranges])


def test_null_is_not_there():
    loaded = with_pod(resources_of_app={"requests": None, "limits": {"cpu": 1, "memory": None}}, initContainers=None)
    assert hpa.requests_of(loaded, hpa.read(loaded)) == {"app": {"cpu": 1000}}
    for metadata in (None, {}):
        with pytest.raises(SettingError, match=r"^HorizontalPodAutoscaler without a name: metadata\.name: is missing$"):
            hpa.read({**scaler_manifest(), "metadata": metadata})
    with pytest.raises(SettingError, match="a manifest is a mapping, not str"):
        hpa.read(["kind"])


def test_a_list_is_looked_into():
    loaded = {"apiVersion": "v1", "kind": "List", "items": [None, {"kind": "List", "items": objects()}]}
    assert hpa.requests_of([loaded], hpa.read(loaded))["app"]["cpu"] == 500


def test_items_of_a_list_with_a_kind_need_not_repeat_it():
    """As ``kubectl get --raw`` gives them."""
    lists = []
    for one in (scaler_manifest(), copy.deepcopy(manifests.find(objects(), "Deployment"))):
        lists.append({"apiVersion": one.pop("apiVersion"), "kind": one.pop("kind") + "List", "items": [one]})
    assert hpa.requests_of(lists, hpa.read(lists))["app"]["cpu"] == 500
    with pytest.raises(SettingError, match="found 0"):
        hpa.read({"kind": "HorizontalPodAutoscalerList", "items": None})
    with pytest.raises(SettingError, match="found 2"):
        hpa.read([*lists, {**scaler_manifest(), "metadata": {"name": "other"}}])


def test_an_empty_namespace_is_none():
    loaded = copy.deepcopy([scaler_manifest(), manifests.find(objects(), "Deployment")])
    for manifest, space in zip(loaded, ("", "default"), strict=True):
        manifest["metadata"]["namespace"] = space
    assert hpa.read(loaded).namespace is None and hpa.requests_of(loaded, hpa.read(loaded))["app"]["cpu"] == 500


def test_the_target_is_of_the_same_namespace():
    other = copy.deepcopy(manifests.find(objects(), "Deployment"))
    other["metadata"]["namespace"] = "elsewhere"
    del other["spec"]["template"]["spec"]["containers"][0]["resources"]
    loaded = [other, *objects()]
    assert hpa.requests_of(loaded, hpa.read(loaded))["app"]["cpu"] == 500
    alone = [other, scaler_manifest()]
    with pytest.raises(SettingError, match="which is not among"):
        hpa.requests_of(alone, hpa.read(alone))
    for manifest in alone:  # none at all is the client's namespace, whichever that is
        manifest["metadata"].pop("namespace")
    with pytest.raises(SettingError, match=r"requests\.cpu: is missing"):
        hpa.read(alone)


def test_somebodys_own_kind_may_keep_its_pods_elsewhere():
    """An Argo Rollout with ``workloadRef`` has no template; a cluster scales it all the same."""
    manifest = at(scaler_manifest(), "spec.scaleTargetRef.kind", "Rollout")
    rollout = {"kind": "Rollout", "metadata": {"name": "cpu-burner"}, "spec": {"workloadRef": {"name": "x"}}}
    assert hpa.read([manifest, rollout]).target == "Rollout/cpu-burner"
    rollout["spec"] = manifests.find(objects(), "Deployment")["spec"]
    rollout["metadata"]["namespace"] = manifest["metadata"]["namespace"]
    assert hpa.requests_of([manifest, rollout], hpa.read([manifest, rollout]))["app"]["cpu"] == 500


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
        for _ in range(service.MOST_WAITING):
            service.room.acquire()
        assert (status("/work"), status("/readyz")) == (503, 200), (
            "no room: sent away at once, and no less ready for it"
        )
        service.room.release(service.MOST_WAITING)
        service.draining.set()
        assert (status("/readyz"), status("/work")) == (503, 200), "out of the endpoints, but what arrives is answered"
        service.overdue.set()
        assert status("/work") == 503, "told, before the pod is killed"
    finally:
        server.shutdown()
        server.server_close()


def test_the_service_ends_when_told_though_a_client_keeps_its_connection():
    """A real process. What was asked is answered; a connection that waits for nothing does not hold it up."""
    port = free_port()
    settings = {
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "BOOT_SECONDS": "0",
        "DRAIN_SECONDS": "0.2",
        "WORK_MILLISECONDS": "2000",
    }
    service = checkout.folder("k8s") / "base" / "service.py"
    process = subprocess.Popen([sys.executable, service], env={**os.environ, **settings})
    try:

        def connected() -> socket.socket | None:
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), timeout=60)
            return None

        found = []
        assert until(lambda: found.append(connected()) or found[-1] is not None)
        with found[-1] as idle, socket.create_connection(("127.0.0.1", port), timeout=60) as asking:
            idle.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert idle.recv(1000).startswith(b"HTTP/1.1 200") and process.poll() is None
            asking.sendall(b"GET /work HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            heard = b""
            while b"alive" not in heard:  # an answer comes in as many pieces as it likes, the one before it too
                heard += (piece := idle.recv(1000))
                assert piece, heard
            # the server's own thread, and one for each of the two: it is at work, for two seconds of processor time
            assert until(lambda: psutil.Process(process.pid).num_threads() >= 3)
            process.send_signal(signal.SIGTERM)
            assert until(lambda: process.poll() is not None), "it waits for a client that wants nothing"
            assert process.returncode == 0
            answer = b"".join(iter(lambda: asking.recv(1000), b""))
            assert answer.startswith(b"HTTP/1.1 200") and b"Connection: close" in answer, answer
    finally:
        process.kill()
        process.wait()
