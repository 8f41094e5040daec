"""The two services of ``docker/``: what they refuse, what they survive, and that they refuse to start on a damaged model.

The same application as in the image, here as an app object and under a local gunicorn.
"""

import json
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hypothesis
import model_server.service
import nlp_service.service
import pytest
import requests
from containers import DOCKER, SERVICES, with_models
from processes import until
from serving import artefact, web

from companion.processes import supervised

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A copy of ``docker/`` with both models, as ``make models`` leaves it."""
    return with_models(tmp_path_factory.mktemp("context") / "docker")


MODULES = {"model_server": model_server.service, "nlp_service": nlp_service.service}


@pytest.fixture(scope="module", params=SERVICES)
def served(request, trained):
    """The module of a service and its application."""
    module = MODULES[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_FOLDER", str(trained / request.param / "model"))
        return module, module.create_app()


@pytest.fixture
def post(served):
    _, app = served
    client = app.test_client()
    return lambda data, content_type="application/json", **more: client.post(
        "/predict", data=data, content_type=content_type, **more
    )


def test_predicts_and_says_which_model(served, post):
    module, _ = served
    reply = post(json.dumps({"instances": [module.EXAMPLE] * 3}))
    assert reply.status_code == 200
    assert reply.json["model_version"] == "1.0.0" and len(reply.json["predictions"]) == 3
    assert reply.json["predictions"][0] == reply.json["predictions"][2]


BAD = {
    "malformed": (b"{", 400),
    "empty": (b"", 400),
    "not UTF-8": (b"\xff\xfe", 400),
    "NaN": (b'{"instances": [NaN]}', 400),
    "nested too deep": (b"[" * 300_000, 400),
    "a number of 5000 digits": (b"1" * 5000, 400),
    "no object": (b"[1]", 422),
    "null": (b"null", 422),
    "no field": (b"{}", 422),
    "no instance": (b'{"instances": []}', 422),
    "too many": (json.dumps({"instances": [{}] * 257}).encode(), 422),
    "missing fields": (b'{"instances": [{}]}', 422),
    "wrong type": (b'{"instances": "all"}', 422),
    "unknown field": (b'{"instances": [{}], "debug": true}', 422),
    "half a character": (b'{"instances": [{"text": "\\ud800"}]}', 422),
    "more than a megabyte": (b" " * 1_100_000, 413),
}


@pytest.mark.parametrize("body", BAD)
def test_bad_input_is_a_problem_document(post, body):
    data, status = BAD[body]
    reply = post(data)
    problem = json.loads(reply.get_data())
    assert (reply.status_code, reply.content_type, problem["status"]) == (status, PROBLEM, status)
    assert problem["title"] and problem["detail"] and problem["request_id"] == reply.headers["X-Request-ID"]
    assert (status == 422) == ("errors" in problem), "a 422 says where"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", None])
def test_a_wrong_content_type_is_415(post, content_type):
    assert post(b"{}", content_type).status_code == 415


def test_wrong_types_are_not_converted(served, post):
    module, _ = served
    wrong = {"number": ("12", True, None, [1], 1e400), "string": (1, None, ["en"], {})}
    for field, rule in module.PROPERTIES.items():
        for value in wrong[rule["type"]]:
            reply = post(json.dumps({"instances": [{**module.EXAMPLE, field: value}]}))
            assert reply.status_code in (400, 422), f"{field}={value!r} was accepted"


def test_the_limits_themselves_are_allowed(served, post):
    module, _ = served
    for field, rule in module.PROPERTIES.items():
        inside = rule.get("enum") or [rule[k] for k in ("minimum", "maximum") if k in rule] or ["x" * rule["maxLength"]]
        for value in inside:
            assert post(json.dumps({"instances": [{**module.EXAMPLE, field: value}]})).status_code == 200


def test_errors_elsewhere_are_problems_too(served):
    client = served[1].test_client()
    assert (client.get("/nowhere").status_code, client.get("/nowhere").content_type) == (404, PROBLEM)
    refused = client.get("/predict")
    assert refused.status_code == 405 and "POST" in refused.headers["Allow"]


def test_a_request_id_is_kept_unless_it_could_forge_a_log_line(served):
    client = served[1].test_client()
    assert client.get("/healthz", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    forged = client.get("/healthz", headers={"X-Request-ID": "a b\tERROR"}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", forged)


def test_draining_is_not_ready_but_alive(served):
    client = served[1].test_client()
    assert client.get("/readyz").json["status"] == "ready"
    web.draining.set()
    try:
        assert (client.get("/readyz").status_code, client.get("/healthz").status_code) == (503, 200)
    finally:
        web.draining.clear()


def test_metrics_count_by_route_and_never_by_path(served, post):
    client = served[1].test_client()
    client.get("/some/path/nobody/knows")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'service_requests_total{method="GET",route="none",status="404"}' in text
    assert "nobody/knows" not in text
    assert "service_request_seconds_bucket" in text and "service_predictions_total" in text


def test_the_contract_fuzzed_finds_nothing(served):
    _, app = served
    import schemathesis  # two seconds, not at collection

    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)

    for operation in schema.get_all_operations():
        operation = operation.ok()

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
            database=None,
        )
        def fuzz(case):
            case.call_and_validate()

        fuzz()


# The artefact: each kind of damage stops the start, and the message names it.


def edit(change):
    def apply(folder: Path) -> None:
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))

    return apply


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / "model.skops").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.skops").write_bytes(bytes(content))


def a_pickle_with_the_right_hash(folder: Path) -> None:
    import hashlib
    import pickle

    content = pickle.dumps({"not": "a model"})
    (folder / "model.skops").write_bytes(content)
    edit(lambda m: m.update(sha256=hashlib.sha256(content).hexdigest()))(folder)


DAMAGE = {
    "one bit of the model": (flip_a_byte, r"model\.skops is not the file .* SHA-256 differs"),
    "no model": (lambda folder: (folder / "model.skops").unlink(), r"can't read model\.skops.*Train first"),
    "a pickle": (a_pickle_with_the_right_hash, r"model\.skops can't be loaded"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), r"can't read manifest\.json"),
    "half a manifest": (
        lambda folder: (folder / "manifest.json").write_text('{"service": '),
        r"manifest\.json is not valid JSON",
    ),
    "a list": (lambda folder: (folder / "manifest.json").write_text("[]"), r"must be a JSON object"),
    "a key gone": (edit(lambda m: m.pop("sha256")), r"'sha256' is missing"),
    "another service": (edit(lambda m: m.update(service="other")), r"belongs to the service 'other'"),
    "another version": (edit(lambda m: m["versions"].update(numpy="1.0")), r"stored with numpy 1\.0"),
    "another schema": (edit(lambda m: m["schema"].update(colour={})), r"another schema; it differs in: colour"),
    "a bad metric": (edit(lambda m: m.update(metrics={})), r"metric '\w+' is None.*needs at least"),
    "another answer": (edit(lambda m: m["golden"][0].update(prediction={})), r"does not reproduce .* golden"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", SERVICES)
def test_a_damaged_model_stops_the_start(name, damage, trained, tmp_path, monkeypatch):
    change, message = DAMAGE[damage]
    shutil.copytree(trained / name / "model", tmp_path / "model")
    change(tmp_path / "model")
    monkeypatch.setenv("MODEL_FOLDER", str(tmp_path / "model"))
    with pytest.raises(artefact.ArtefactError, match=message):
        MODULES[name].create_app()


def test_a_type_that_nobody_trusts_is_not_loaded():
    import skops.io  # all of scikit-learn, not at collection

    content = skops.io.dumps({"path": Path("x")})
    with pytest.raises(artefact.ArtefactError, match=r"types that are not trusted: .*Path"):
        artefact.SKOPS.loads(content)


# Under gunicorn


@pytest.fixture
def running(trained, scratch):
    """A service under a local gunicorn; one is enough, they share all that is tested here."""
    service = supervised.run(scratch / "c", trained / "model_server", restart=True)
    wait_until_ready(service)
    yield service
    service.remove()


@pytest.mark.slow
def test_a_second_start_in_the_same_place_is_another_service(running, trained, scratch):
    """As with an engine's containers: whoever interrupts the cell that starts one runs it again, and the first is still there."""
    second = supervised.run(scratch / "c", trained / "model_server")
    try:
        wait_until_ready(second)
        assert second.url != running.url and ask(running) == 200
    finally:
        second.remove()


def wait_until_ready(service) -> None:
    def ready() -> bool:
        try:
            return requests.get(f"{service.url}/readyz", timeout=30).ok
        except requests.RequestException:
            return False

    assert until(ready), f"not ready:\n{service.logs().decode()[-2000:]}"


def ask(service, timeout: float = 30) -> int:
    example = {"temperature": 71.5, "vibration": 3.2, "load": 0.7, "hours": 2600, "kind": "press"}
    return requests.post(f"{service.url}/predict", json={"instances": [example]}, timeout=timeout).status_code


def worker_exits(service) -> float:
    text = requests.get(f"{service.url}/metrics", timeout=30).text
    return float(re.findall(r"^service_worker_exits_total (\S+)$", text, re.MULTILINE)[0])


@pytest.mark.slow
def test_under_gunicorn_it_takes_abuse_and_ends_without_losing_a_request(running):
    # 50 MB: refused, or the line is cut while it is being sent; the service goes on
    try:
        reply = requests.post(
            f"{running.url}/predict", data=b" " * 50_000_000, headers={"Content-Type": "application/json"}, timeout=60
        )
        assert reply.status_code == 413
    except requests.ConnectionError:
        pass
    # 200 clients at once
    with ThreadPoolExecutor(200) as pool:
        assert list(pool.map(lambda _: ask(running, 60), range(400))) == [200] * 400
    text = requests.get(f"{running.url}/metrics", timeout=10).text
    counted = re.search(r'service_requests_total\{method="POST",route="/predict",status="200"\} (\d+)', text)
    assert int(counted[1]) == 400, "the workers' counters are added up"
    # SIGTERM while clients go on as long as it says that it is ready
    failures, answered, stopped = [], [], threading.Event()

    def client() -> None:
        while not stopped.is_set():
            try:
                if not requests.get(f"{running.url}/readyz", timeout=30).ok:
                    return
                answered.append(ask(running))
            except requests.RequestException as error:
                failures.append(error)
                return

    clients = [threading.Thread(target=client) for _ in range(20)]
    for thread in clients:
        thread.start()
    assert until(lambda: len(answered) >= 40 or failures), "all clients are in the middle of it"
    running.kill("SIGTERM")
    for thread in clients:
        thread.join(60)
    stopped.set()
    assert failures == [] and set(answered) == {200}
    assert running.wait(timeout=120)["StatusCode"] == 0


@pytest.mark.slow
def test_a_killed_main_process_is_restarted_and_a_killed_worker_is_seen_in_its_metrics_alone(running):
    kill = "import os, signal, pathlib; main = int(pathlib.Path(os.environ['SERVICE_PIDFILE']).read_text()); "
    worker = (
        kill + "os.kill(int(pathlib.Path(f'/proc/{main}/task/{main}/children').read_text().split()[0]), signal.SIGKILL)"
    )
    before = worker_exits(running)
    assert before == 0, "the metric is there before anything has happened"
    assert running.exec_run(["python", "-c", worker]).exit_code == 0
    assert until(lambda: b"SIGKILL" in running.logs()), "the log says so"
    running.reload()
    assert running.attrs["RestartCount"] == 0 and running.attrs["State"]["Status"] == "running"
    assert ask(running) == 200
    assert until(lambda: worker_exits(running) == before + 1), "/metrics counts it"
    assert running.exec_run(["python", "-c", kill + "os.kill(main, signal.SIGKILL)"]).exit_code == 0
    assert until(lambda: running.reload() or running.attrs["RestartCount"] > 0), "it is started again"
    wait_until_ready(running)
    assert ask(running) == 200


@pytest.mark.slow
def test_a_damaged_model_ends_gunicorn_with_the_reason_in_its_log(trained, scratch, tmp_path):
    shutil.copytree(trained, tmp_path / "docker")
    flip_a_byte(tmp_path / "docker" / "model_server" / "model")
    service = supervised.run(scratch / "c", tmp_path / "docker" / "model_server")
    assert service.wait(120)["StatusCode"] != 0
    assert "SHA-256 differs" in service.logs().decode()


# The files beside the applications


def pins(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", path.read_text(), re.MULTILINE))


def test_the_image_has_the_versions_of_the_notebooks_environment():
    image, here = pins(DOCKER / "serving/requirements.txt"), pins(DOCKER.parent / "requirements.lock")
    assert image and {name: here.get(name) for name in image} == image, "run make lock"
    assert "--hash=sha256:" in (DOCKER / "serving/requirements.txt").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_the_dockerfile_is_clean_to_hadolint(name):
    done = subprocess.run(
        [Path(sys.executable).parent / "hadolint", DOCKER / name / "Dockerfile"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_the_dockerfile_keeps_what_it_promises(name):
    text = (DOCKER / name / "Dockerfile").read_text()
    assert text.count("\nFROM ") == 4 and "ARG BASE_IMAGE=python:3.12-slim" in text
    last = text[text.rindex("\nFROM ") :]
    assert "USER 10001:10001" in last and "HEALTHCHECK" in last and "pip install" not in last
    assert "companion" not in (DOCKER / name / "service.py").read_text(), "the image does not hold the book's library"


def test_the_dependency_layers_are_shared():
    """Both files are the same up to the application: what one build has made, the other finds in the cache."""
    first, second = ((DOCKER / name / "Dockerfile").read_text() for name in SERVICES)
    start, end = "ARG BASE_IMAGE", "# What changes most often"
    assert first[first.index(start) : first.index(end)] == second[second.index(start) : second.index(end)]
