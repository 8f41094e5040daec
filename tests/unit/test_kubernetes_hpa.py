"""The controller in the loop, the engine, and the notebook's calls to a cluster against a stand-in of the API server."""

import functools
import json
import math
import re
import threading
import uuid
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import nbformat
import numpy as np
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from readme import checked

from companion import EngineUnavailable, book
from companion.configs import manifests
from companion.engines import kubernetes
from companion.errors import SettingError
from companion.processes.server import free_port
from companion.simulate import hpa, traffic
from companion.simulate.hpa.behaviour import up_limit

# The controller in the loop


def replayed(trace, scaler=None, boot=45.0, lag=30.0, start=3, step=15.0, **options):
    objects = manifests.render("base")
    scaler = scaler or hpa.read(objects)
    pool = traffic.ServerPool(start, service_rate=25, workers=1, boot_seconds=boot, lag_seconds=lag, step_seconds=step)
    controller = hpa.Controller(scaler, hpa.requests_of(objects, scaler), busy=500, boot_seconds=boot, **options)
    return traffic.replay(trace, pool, controller), controller


def test_a_constant_load_ends_at_the_fewest_pods_within_the_tolerance():
    run, controller = replayed(np.full(600, 200.0))
    # 200 of 25 a second are 8 pods of work; at 60 % of the request, 14 pods show 57 %
    assert run.capacity[-1] == 14
    assert len(set(run.capacity[-200:])) == 1
    assert controller.log[-1][2].proposals[0].utilization == 57


def test_a_turn_comes_every_fifteen_seconds_whatever_the_step():
    _, controller = replayed(np.full(60, 50.0), step=5.0)
    assert [now for now, _, _ in controller.log] == [15.0 * turn for turn in range(20)]


def test_booting_pods_hold_the_next_order_back():
    patient, _ = replayed(np.full(40, 400.0), boot=120.0)
    # without the rule the ratio of 100 / 60 would be ordered again every 15 seconds
    assert patient.capacity[:8].max() <= 5 and patient.capacity[-1] > 12


def test_old_metrics_come_late():
    fresh, late = (replayed(np.full(60, 200.0), lag=lag)[0] for lag in (0.0, 120.0))
    assert np.argmax(fresh.capacity > 3) < np.argmax(late.capacity > 3)


def test_without_a_sample_nothing_moves_and_the_condition_says_so():
    run, controller = replayed(np.full(5, 400.0), lag=600.0)
    assert set(run.capacity) == {3}
    assert set(controller.table()["active"]) == {"FailedGetResourceMetric"}
    assert controller.table()["recommended"].isna().all()


def test_other_metrics_of_the_pool():
    objects = manifests.render("base")
    scaler = hpa.read(objects)
    for metric, expected in (
        (hpa.Metric("External", "rps", "AverageValue", 20_000), 10),
        (hpa.Metric("External", "rps", "Value", 200_000), 3),
        (hpa.Metric("Pods", "rps", "AverageValue", 20_000), 10),
    ):
        one = hpa.Autoscaler(scaler.name, scaler.target, 1, 40, (metric,), scaler.behaviour)
        run, _ = replayed(np.full(400, 200.0), one)
        assert abs(int(run.capacity[-1]) - expected) <= 1, metric


def test_bad_settings_are_named():
    with pytest.raises(SettingError, match="boot_seconds must be at least 0"):
        replayed(np.full(5, 1.0), boot=-1.0)


def test_the_table_tells_what_an_event_would():
    _, controller = replayed(np.full(60, 200.0))
    events = [event for event in controller.table()["event"] if event]
    assert events[0] == "New size: 5; reason: cpu resource utilization (percentage of request) above target"


def test_pods_that_fail_readiness_while_they_are_overrun_hold_orders_back_for_five_minutes():
    """In their first 300 seconds; old ones are believed. Ready again, one window of the metric has to pass."""
    patient, strict = (replayed(np.full(120, 400.0), unready_above=share)[1] for share in (None, 0.95))
    first, blind = ([now for now, before, d in c.log if d.replicas > before][:4] for c in (patient, strict))
    assert np.diff(first).max() <= 105 and np.diff(blind).min() >= 285
    assert (
        replayed(np.full(60, 60.0), unready_above=0.95)[0].capacity.tolist()
        == replayed(np.full(60, 60.0))[0].capacity.tolist()
    )


# The references of the exercises, held to their statements


@functools.cache
def reference(grade_id: str):
    """The book's own answer, in the namespace of the exercises' set-up."""
    notebook = nbformat.read(book.folder() / "05-auto-scaling/kubernetes_hpa.ipynb", as_version=4)
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id]
    space = {"math": math, "hpa": hpa}
    exec(cell.source, space)  # noqa: S102  (the project's own cell)
    return space[re.search(r"def (\w+)", cell.source)[1]]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2000), min_size=1, max_size=30),
    st.integers(50, 2000),
    st.integers(10, 150),
    st.integers(1, 60),
)
@example([330] * 10, 500, 60, 10)
@example([270] * 10, 500, 60, 10)
def test_the_first_reference_is_the_controller(usage, request, target, current):
    desired = reference("kubernetes_hpa-1")
    pods = [hpa.Pod(f"p{i}", requests={"app": {"cpu": request}}) for i in range(len(usage))]
    samples = {f"p{i}": hpa.PodMetric(used) for i, used in enumerate(usage)}
    metric = hpa.Metric("Resource", "cpu", "Utilization", target)
    assert desired(usage, request, target, current) == hpa.propose(metric, samples, hpa.Turn(current, pods)).replicas


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(1, 9)), max_size=6),
    st.lists(
        st.tuples(st.sampled_from(["Pods", "Percent"]), st.integers(1, 300), st.integers(1, 120)),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 50),
)
def test_the_second_reference_is_exact_and_the_controller_at_most_one_more(added, policies, least):
    """The controller multiplies floats: 10 % more than 100 are 111 to it, of which 110 are allowed."""
    most_allowed = reference("kubernetes_hpa-2")
    current, now = least + sum(more for _, more in added), 100
    given_policies = [{"type": kind, "value": value, "periodSeconds": period} for kind, value, period in policies]
    starts = [current - sum(more for at, more in added if now - at < period) for _, _, period in policies]
    exact = [
        start + (value if kind == "Pods" else math.ceil(Fraction(start * value, 100)))
        for start, (kind, value, _) in zip(starts, policies, strict=True)
    ]
    found = most_allowed(current, added, given_policies, now)
    assert found == max(current, *exact)
    rules = hpa.Rules(0, tuple(hpa.Policy(*policy) for policy in policies))
    history = hpa.History(ups=tuple(hpa.ScaleEvent(at, more) for at, more in added))
    assert up_limit(hpa.Turn(current, now=now), history, rules) - found in (0, 1)


# The engine


def kubeconfig(folder, server: str, **user) -> str:
    path = folder / "config"
    name = "stand-in"
    plan = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    path.write_text(yaml.safe_dump(plan))
    return str(path)


def unavailable(monkeypatch, value: str | None) -> str:
    if value is None:
        monkeypatch.delenv("KUBECONFIG", raising=False)
    else:
        monkeypatch.setenv("KUBECONFIG", value)
    with pytest.raises(EngineUnavailable) as caught:
        kubernetes.connect(timeout=5)
    status = kubernetes.probe()
    assert status.mode == "missing" and status.optional and status.detail == str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def own_scratch(scratch):
    pass


def test_no_cluster_says_how_to_get_one(monkeypatch, tmp_path):
    # a config in the reader's home is not used by accident
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube", "http://127.0.0.1:1")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "KUBECONFIG is not set. A small one on this machine: kind create cluster" in unavailable(monkeypatch, None)


def test_a_kubeconfig_that_is_none(monkeypatch, tmp_path):
    assert "there is no such file" in unavailable(monkeypatch, str(tmp_path / "gone"))
    for content in ("a: [", "just words", "", "kind: Config\n", "{}"):
        (tmp_path / "bad").write_text(content)
        assert "not a kubeconfig with a current context" in unavailable(monkeypatch, str(tmp_path / "bad")), content


def test_a_cluster_that_does_not_answer(monkeypatch, tmp_path):
    config = kubeconfig(tmp_path, f"http://127.0.0.1:{free_port()}", token="s3cret-token")
    message = unavailable(monkeypatch, config)
    assert "it does not answer" in message and "s3cret" not in message


@pytest.mark.parametrize(("status", "why"), [(401, "does not accept the credentials"), (500, "it answers 500")])
def test_a_cluster_that_refuses(monkeypatch, tmp_path, api, status, why):
    api.refuse = status
    message = unavailable(monkeypatch, kubeconfig(tmp_path, api.address, token="s3cret-token"))
    assert why in message and "s3cret" not in message


def test_the_official_client_is_given(monkeypatch, tmp_path, api):
    from kubernetes.client import ApiClient, CoreV1Api

    monkeypatch.setenv("KUBECONFIG", checked("KUBECONFIG", kubeconfig(tmp_path, api.address, token="s3cret-token")))
    with kubernetes.connect() as cluster:
        assert type(cluster) is ApiClient
        assert [found.metadata.name for found in CoreV1Api(cluster).list_namespace().items] == ["default"]
    assert api.tokens == {"Bearer s3cret-token"}
    status = kubernetes.probe()
    assert (status.mode, status.version) == ("live", "v1.36.2")


# The notebook's calls, against a stand-in of the API server


RESOURCES = {
    "v1": {"Namespace": ("namespaces", False), "Service": ("services", True), "ConfigMap": ("configmaps", True)},
    "apps/v1": {"Deployment": ("deployments", True)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "policy/v1": {"PodDisruptionBudget": ("poddisruptionbudgets", True)},
    "networking.k8s.io/v1": {"NetworkPolicy": ("networkpolicies", True)},
    "batch/v1": {"Job": ("jobs", True)},
}


class Api:
    """Stores what is applied, by path; scales when a Job is there; keeps every request."""

    def __init__(self):
        self.stored = {"/api/v1/namespaces/default": {"kind": "Namespace", "metadata": {"name": "default"}}}
        self.requests: list[tuple[str, str, dict]] = []
        self.tokens: set[str] = set()
        self.refuse: int | None = None
        self.fail_on: str | None = None
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                api.answer(self, "GET")

            def do_PATCH(self):
                api.answer(self, "PATCH")

            def do_POST(self):
                api.answer(self, "POST")

            def do_DELETE(self):
                api.answer(self, "DELETE")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, handler, verb: str) -> None:
        parts = urlsplit(handler.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.tokens.add(handler.headers.get("Authorization", ""))
        self.requests.append((verb, parts.path, query))
        if self.refuse:
            return self.send(handler, self.refuse, {"kind": "Status", "status": "Failure"})
        if verb == "PATCH":
            assert handler.headers["Content-Type"] == "application/apply-patch+yaml"
            return self.patch(handler, parts.path, query, json.loads(body))
        if verb == "POST":
            return self.post(handler, parts.path, json.loads(body))
        if verb == "DELETE":
            there = self.stored.get(parts.path, {"metadata": {}})["metadata"].get("uid")
            if json.loads(body or "{}").get("preconditions", {}).get("uid", there) != there:
                return self.send(handler, 409, {"kind": "Status", "reason": "Conflict"})
            inside = parts.path.removeprefix("/api/v1")  # a namespace takes with it whatever lives in it
            self.stored = {path: o for path, o in self.stored.items() if f"{inside}/" not in f"{path}/"}
            return self.send(handler, 200, {"kind": "Status", "status": "Success"})
        return self.get(handler, parts.path, query)

    def post(self, handler, path, body) -> None:
        path = f"{path}/{body['metadata']['name']}"
        if path in self.stored:
            return self.send(handler, 409, {"kind": "Status", "reason": "AlreadyExists"})
        self.stored[path] = {"kind": "Namespace", **body, "metadata": {**body["metadata"], "uid": uuid.uuid4().hex}}
        return self.send(handler, 201, self.stored[path])

    def patch(self, handler, path, query, body) -> None:
        if self.fail_on and self.fail_on in path:
            return self.send(handler, 422, {"kind": "Status", "message": "Invalid value"})
        if query.get("dryRun") != "All":
            kept = {k: v for k, v in self.stored.get(path, {}).get("metadata", {}).items() if k == "uid"}
            self.stored[path] = {**body, "metadata": {**body["metadata"], **kept}}
        return self.send(handler, 200, body)

    def get(self, handler, path, query) -> None:
        path = path.rstrip("/")
        if path == "/version":
            self.send(handler, 200, {"major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitCommit": "", "platform": "",
                                     "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": ""})  # fmt: skip
        elif path == "/api":
            self.send(handler, 200, {"kind": "APIVersions", "versions": ["v1"]})
        elif path == "/apis":
            groups = [version.split("/") for version in RESOURCES if "/" in version]
            served = [{"groupVersion": f"{g}/{v}", "version": v} for g, v in groups]
            listed = [
                {"name": g, "versions": [s], "preferredVersion": s} for (g, _), s in zip(groups, served, strict=True)
            ]
            self.send(handler, 200, {"kind": "APIGroupList", "groups": listed})
        elif (version := path.removeprefix("/apis/").removeprefix("/api/")) in RESOURCES:
            found = [
                {"name": n, "singularName": "", "namespaced": ns, "kind": kind, "verbs": ["patch", "get", "list"]}
                for kind, (n, ns) in RESOURCES[version].items()
            ]
            self.send(handler, 200, {"kind": "APIResourceList", "groupVersion": version, "resources": found})
        elif query.get("watch"):
            self.watch(handler)
        elif path == "/api/v1/namespaces":
            spaces = [o for stored, o in self.stored.items() if re.fullmatch(r"/api/v1/namespaces/[^/]+", stored)]
            self.send(handler, 200, {"kind": "NamespaceList", "items": spaces})
        elif path.endswith("/events"):
            about = {"kind": "HorizontalPodAutoscaler", "name": "cpu-burner"}
            event = {
                "metadata": {"name": "e"},
                "involvedObject": about,
                "reason": "SuccessfulRescale",
                "message": "New size: 4",
            }
            self.send(handler, 200, {"kind": "EventList", "items": [event]})
        else:
            self.send(handler, 404, {"kind": "Status", "code": 404})

    def watch(self, handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        loaded = any(path.endswith("/jobs/load") for path in self.stored)
        for current, wanted in [(1, 1), (1, 2), (2, 4), (4, 4)] if loaded else [(1, 1)]:
            status = {"currentReplicas": current, "desiredReplicas": wanted}
            target = {"kind": "Deployment", "name": "cpu-burner"}
            scaler = {
                "metadata": {"name": "cpu-burner"},
                "spec": {"maxReplicas": 6, "scaleTargetRef": target},
                "status": status,
            }
            handler.wfile.write(json.dumps({"type": "MODIFIED", "object": scaler}).encode() + b"\n")

    @staticmethod
    def send(handler, status: int, body: dict) -> None:
        content = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


@pytest.fixture
def api():
    api = Api()
    yield api
    api.server.shutdown()
    api.server.server_close()


@pytest.fixture
def cells(api, monkeypatch, tmp_path):
    """The notebook's own functions for a cluster, and a client of the stand-in."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, api.address))
    notebook = nbformat.read(book.folder() / "05-auto-scaling/kubernetes_hpa.ipynb", as_version=4)
    space = {"manifests": manifests, "small": manifests.render("overlays/laptop")}
    for name in ("def apply(", "def observe(", "def rehearse("):
        (source,) = [c.source for c in notebook.cells if c.cell_type == "code" and name in c.source]
        exec(source, space)  # noqa: S102  (the project's own cells)
    with kubernetes.connect() as cluster:
        yield space, cluster


def test_the_whole_round_on_a_cluster(api, cells, capsys):
    space, cluster = cells
    assert space["rehearse"](cluster, seconds=5) == [(1, 1), (1, 2), (2, 4), (4, 4)]
    assert "SuccessfulRescale: New size: 4" in capsys.readouterr().out
    patches = [(path, query) for verb, path, query in api.requests if verb == "PATCH"]
    rest = len(space["small"]) - 1
    assert patches[0][0] == "/api/v1/namespaces/scalable-ai"
    assert all(query["dryRun"] == "All" for _, query in patches[1 : 1 + rest]), (
        "checked by the server before anything is stored"
    )
    assert all("dryRun" not in query for _, query in patches[1 + rest :])
    assert {query["fieldManager"] for _, query in patches} == {"scalable-ai"}
    assert patches[-2][0].endswith("/jobs/load") or patches[-1][0].endswith("/jobs/load")
    assert list(api.stored) == ["/api/v1/namespaces/default"], "everything is removed, and nothing else"


def test_a_manifest_that_the_server_refuses_leaves_nothing(api, cells):
    from kubernetes.dynamic.exceptions import UnprocessibleEntityError

    space, cluster = cells
    api.fail_on = "horizontalpodautoscalers"
    with pytest.raises(UnprocessibleEntityError, match="Invalid value"):
        space["rehearse"](cluster, seconds=5)
    assert list(api.stored) == ["/api/v1/namespaces/default"]
    assert not any("deployments" in path for path in api.stored)


def test_a_namespace_of_somebody_else_is_left_alone(api, cells):
    space, cluster = cells
    api.stored["/api/v1/namespaces/scalable-ai"] = {"kind": "Namespace", "metadata": {"name": "scalable-ai"}}
    with pytest.raises(RuntimeError, match="not ours to remove"):
        space["rehearse"](cluster)
    assert "/api/v1/namespaces/scalable-ai" in api.stored
    assert [verb for verb, _, _ in api.requests if verb != "GET"] == ["POST"], "nothing but the attempt to create it"


def test_a_namespace_that_somebody_has_made_anew_is_left_alone(api, cells):
    """Ours was deleted while it was watched, and another one made under its name."""
    from kubernetes.client import ApiException

    space, cluster = cells
    other = {"kind": "Namespace", "metadata": {"name": "scalable-ai", "uid": "theirs"}}
    space["observe"] = lambda *_: api.stored.update({"/api/v1/namespaces/scalable-ai": other})
    with pytest.raises(ApiException, match="409"):
        space["rehearse"](cluster)
    assert api.stored["/api/v1/namespaces/scalable-ai"] is other


def test_a_namespace_that_does_not_go_is_said(api, cells, monkeypatch):
    space, cluster = cells
    api.stored["/api/v1/namespaces/stuck"] = {"kind": "Namespace", "metadata": {"name": "stuck"}}
    answer = api.answer

    def keep(handler, verb):
        if verb == "DELETE":
            return api.send(handler, 200, {"kind": "Status"})
        return answer(handler, verb)

    monkeypatch.setattr(api, "answer", keep)
    from kubernetes.client import V1Namespace, V1ObjectMeta

    with pytest.raises(TimeoutError, match="the namespace stuck is still there after 0 s"):
        space["remove"](cluster, V1Namespace(metadata=V1ObjectMeta(name="stuck")), seconds=0)
