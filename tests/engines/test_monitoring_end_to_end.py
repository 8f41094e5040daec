"""From the images' own code to the pager: the exposition, a real Prometheus with the deployed rules, a real Alertmanager."""

import json
import re
import signal
import stat
import threading

import pytest
import requests
import yaml
from model_server import service, train
from processes import assert_dies_with_its_kernel, until
from prometheus_client import generate_latest
from serving import artefact, model, web
from test_prometheus import DASHBOARD, FOLDER, RULES, dashboard_queries, metrics_of, needs_prometheus

from companion import EngineUnavailable
from companion.engines import prometheus
from companion.labs.monitoring import incident, promql
from companion.processes import wait
from companion.processes import web as small_web

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")
needs_alertmanager = pytest.mark.skipif(
    not prometheus.has_alertmanager(), reason=f"no Alertmanager. {prometheus.GET_ALERTMANAGER}"
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    train.train(folder)
    checks = {"schema": service.PROPERTIES, "floors": service.FLOORS, "predict": service.predict}
    return artefact.load(folder, service=service.NAME, **checks)


def new_app(stored, predict=service.predict):
    """The image's application, around a ``predict`` that may be a bad release's."""
    return model.create_app(
        service.NAME, "Machine failures", artefact=stored, properties=service.PROPERTIES, prediction=service.Prediction,
        predict=predict, example=service.EXAMPLE, tenths=service.TENTHS,
    )  # fmt: skip


def shown_by(app) -> list[promql.Series]:
    return promql.parse(app.test_client().get("/metrics").text)


def test_what_rules_and_dashboard_ask_for_is_what_the_image_shows(stored):
    shown = {series.labels["__name__"] for series in shown_by(new_app(stored))}
    rules = promql.rules(RULES)
    made = {rule["record"] for rule in rules if "record" in rule} | {"up", "ALERTS"}
    for where, expression in [*dashboard_queries(), *((r.get("alert") or r["record"], r["expr"]) for r in rules)]:
        assert metrics_of(expression) <= shown | made, where
    assert "inference" not in RULES.read_text() + DASHBOARD.read_text()


def test_the_replayed_day_has_the_images_series(stored):
    """Name and labels of each; what Prometheus adds (job, instance) and the features that are left out apart."""

    def kinds(series):
        return {(s.labels["__name__"], *sorted(set(s.labels) - {"job", "instance", "sha256"})) for s in series}

    day = incident.record(train.machines.readings(500)["temperature"].to_numpy(), service.TENTHS["temperature"])
    assert kinds(day.series) - kinds(shown_by(new_app(stored))) == {("up", "__name__")}
    buckets = {
        s.labels["le"] for s in shown_by(new_app(stored)) if s.labels["__name__"] == "service_request_seconds_bucket"
    }
    assert {s.labels["le"] for s in day.series if "le" in s.labels} == buckets and "0.5" in buckets


def test_counters_begin_at_zero(stored):
    shown = {(s.labels["__name__"], s.labels.get("status")) for s in shown_by(new_app(stored))}
    assert {("service_requests_total", str(code)) for code in (200, 400, 413, 415, 422, 500)} <= shown
    names = ("service_feature_missing_total", "service_feature_out_of_range_total")
    for name in names:
        assert {s.labels["feature"] for s in shown_by(new_app(stored)) if s.labels["__name__"] == name} == set(
            service.TENTHS
        )


def test_tenths_are_those_of_the_training_data(stored, monkeypatch, tmp_path):
    monkeypatch.setitem(service.TENTHS, "load", [0.1 * i for i in range(1, 10)])
    with pytest.raises(ValueError, match=r"TENTHS\['load'\] are those of other data"):
        train.train(tmp_path)


HOSTILE = [
    None, [], "text", 7, {}, {"instances": None}, {"instances": "abc"}, {"instances": [None, 1, "a", [], {}]}, {"instances": [{"load": []}]},
    {"instances": [{"load": True, "hours": "7", "temperature": {}, "vibration": [1]}]}, {"instances": [{"load": 10**400, "hours": -(10**400)}]},
    {"instances": [{"load": float("inf"), "hours": float("-inf"), "temperature": 1e308}]}, {"instances": [{"évil": 1, "": 2, "x" * 10_000: 3}]},
    {"instances": [service.EXAMPLE] * 1000},
]  # fmt: skip


def test_whatever_is_sent_no_series_is_made_by_it(stored):
    """A meter of what callers write must not have a label that callers write, and must not fail on any of it."""
    app = new_app(stored)
    before = {tuple(sorted(s.labels.items())) for s in shown_by(app) if "feature" in s.labels}
    count = model.value_meters(service.PROPERTIES, service.TENTHS)
    for body in HOSTILE:
        count(body)
        text = json.dumps(body)
        assert app.test_client().post("/predict", data=text, content_type="application/json").status_code in (400, 422)
    assert {tuple(sorted(s.labels.items())) for s in shown_by(app) if "feature" in s.labels} == before


def test_in_flight_goes_back_whatever_happens(stored):
    def crash(_, instances):
        raise RuntimeError("meant")

    app = new_app(stored, crash)
    client = app.test_client()
    for send in (
        lambda: client.post("/predict", json={"instances": [service.EXAMPLE]}), lambda: client.get("/nowhere"), lambda: client.get("/metrics"),
        lambda: client.post("/predict", data=b"{", content_type="application/json"), lambda: client.put("/predict"),
    ):  # fmt: skip
        send()
        assert re.search(rb"^service_requests_in_flight 0\.0$", generate_latest(web.registry()), re.M)


@needs_prometheus
def test_a_bad_release_of_the_image_fires_the_deployed_rule(stored, tmp_path):
    """The image's application, a Prometheus that scrapes it, and rules.yml as it is (but for its interval): the page is there."""

    def bad(trained, instances):
        if instances[0]["kind"] == "press":
            raise RuntimeError("meant")
        return service.predict(trained, instances)

    rules = yaml.safe_load(RULES.read_text())
    rules["groups"][0]["interval"] = "1s"
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    app = new_app(stored, bad)
    app.logger.disabled = True
    hot = [{**service.EXAMPLE, "kind": kind, "temperature": 80.0} for kind in ("lathe", "press")]

    def firing(api) -> dict:
        return {a["labels"]["alertname"]: a["state"] for a in api.get("api/v1/alerts").json()["data"]["alerts"]}

    with small_web.threaded(app) as address:
        target = {"targets": [address.removeprefix("http://")]}
        settings = {"scrape_configs": [{"job_name": "model_server", "static_configs": [target]}]}
        with prometheus.connect(settings=settings, rules=[tmp_path / "rules.yml"], own=True) as api:
            up = {"query": 'up{job="model_server"} == 1'}
            assert wait.comes_true(lambda: api.get("api/v1/query", params=up).json()["data"]["result"])
            assert "firing" not in firing(api).values()

            def send() -> bool:
                for one in hot:
                    requests.post(f"{address}/predict", json={"instances": [one] * 40}, timeout=10)
                return firing(api).get("ErrorBudgetBurnsFast") == "firing" and "FeatureDrifts" in firing(api)

            assert wait.comes_true(send), firing(api)
            found = firing(api)
    assert found["ErrorBudgetBurnsSteadily"] == "firing" and found["FeatureDrifts"] == "pending"
    assert "FeatureMissing" not in found and "ServiceNotScraped" not in found


# who hears of it


def routes(address: str, **page) -> dict:
    """The deployed routes, with a receiver of this test and without patience."""
    settings = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    for receiver in settings["receivers"]:
        for hook in receiver["webhook_configs"]:
            hook["url"] = address + "/" + hook["url"].rpartition("/")[2]
    settings["route"].update(group_wait="1s", group_interval="1s")
    settings["route"]["routes"][0].update(group_wait="1s", group_interval="1s", **page)
    return settings


def heard(alerts: list[dict], seconds_quiet: float = 2.5, **page) -> dict[str, set[str]]:
    """By path and group key, the names of the alerts that a real Alertmanager has told of."""
    found: dict[str, set[str]] = {}
    lock = threading.Lock()

    def receive(environ, start):
        told = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        with lock:
            names = found.setdefault(environ["PATH_INFO"] + told["groupKey"], set())
            names |= {alert["labels"]["alertname"] for alert in told["alerts"]}
        start("200 OK", [])
        return [b""]

    with small_web.threaded(receive) as address, prometheus.alertmanager(routes(address, **page)) as manager:
        assert manager.post("api/v2/alerts", json=[{"labels": labels} for labels in alerts]).ok
        assert wait.comes_true(lambda: found)
        wait.comes_true(lambda: False, seconds=seconds_quiet)  # whoever else was told of it would have been by now
    return found


RELEASE = [
    {"alertname": name, "job": "model_server", "severity": "page"}
    for name in ("ErrorBudgetBurnsFast", "ErrorBudgetBurnsSteadily", "LatencyBudgetBurnsFast")
]


@needs_alertmanager
def test_one_release_is_one_page():
    (page,) = heard(RELEASE).items()
    assert page[0].startswith("/page") and page[1] == {"ErrorBudgetBurnsFast", "LatencyBudgetBurnsFast"}
    assert len(heard(RELEASE, group_by=["alertname"])) == 2, "grouped by name it is one page a name"


@needs_alertmanager
def test_two_services_are_two_pages_and_a_ticket_wakes_nobody():
    ticket = {"alertname": "FeatureDrifts", "job": "model_server", "severity": "ticket"}
    found = heard([RELEASE[0], {**RELEASE[0], "job": "nlp_service"}, ticket])
    assert sorted(key.partition("{")[0] for key in found) == ["/page", "/page", "/ticket"]


@needs_alertmanager
def test_it_answers_nobody_else_and_leaves_nothing(scratch):
    with prometheus.alertmanager(routes("http://127.0.0.1:1")) as manager:
        with pytest.raises(requests.exceptions.SSLError):  # no certificate is shown
            requests.get(manager.url + "api/v2/status", verify=manager.verify, timeout=10)
        (folder,) = scratch.glob("alertmanager-*")
        assert all(stat.S_IMODE((folder / name).stat().st_mode) == 0o600 for name in ("key.pem", "alertmanager.yml"))
    assert not folder.exists()


@needs_alertmanager
def test_it_dies_with_its_kernel(scratch):
    code = (
        "from companion.engines import prometheus as p; "
        "a = p.alertmanager({'route': {'receiver': 'x'}, 'receivers': [{'name': 'x'}]}); "
        "print(a.get('-/ready').ok, flush=True); import time; time.sleep(60)"
    )
    assert_dies_with_its_kernel(code, signal.SIGKILL)
    assert until(lambda: not list(scratch.glob("alertmanager-*")))


@needs_alertmanager
def test_a_configuration_that_alertmanager_refuses_is_named():
    with pytest.raises(EngineUnavailable, match='undefined receiver "x"'):
        prometheus.alertmanager({"route": {"receiver": "x"}})


def test_without_alertmanager_it_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not prometheus.has_alertmanager()
    with pytest.raises(EngineUnavailable, match="apt-get install prometheus-alertmanager"):
        prometheus.alertmanager({})


def test_each_page_of_the_rules_has_a_route_and_what_is_silenced_exists():
    """The names in alertmanager.yml are names of alerts: a rule that is renamed must not slip out of its inhibition."""
    names = {rule["alert"]: rule["labels"]["severity"] for rule in promql.rules(RULES) if "alert" in rule}
    settings = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    for rule in settings["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            assert set(re.search(r'"(.*)"', matcher)[1].split("|")) <= set(names), matcher
    assert {"page", "ticket"} == set(names.values())
