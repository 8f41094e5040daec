"""Prometheus: the engine and its errors, the rules and their tests, the dashboard, and the second path against the real one."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import requests
import yaml
from conftest import NOTEBOOKS
from disks import as_root, small_disk
from harness import runs
from processes import assert_dies_with_its_kernel, assert_gone, new_mark, until

from companion import EngineUnavailable, checkout, this_run
from companion.book import chapter
from companion.configs import manifests
from companion.engines import prometheus
from companion.errors import SettingError, WorkspaceError
from companion.labs.monitoring import dashboard, incident, promql
from companion.processes import server as _server
from companion.processes import web

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")
ROOT = checkout.folder()
FOLDER = checkout.folder("k8s") / "monitoring"
RULES, DASHBOARD = FOLDER / "rules.yml", FOLDER / "dashboard.json"
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None and os.environ.get("COMPANION_REQUIRE_ENGINES") != "1",
    reason=f"no prometheus. {prometheus.GET_PROMETHEUS}",
)


@pytest.fixture(scope="module")
def days():
    """The four days, on a reference of a thousand made-up temperatures."""
    reference = np.random.default_rng(0).normal(62, 8, 1000)
    return incident.record(reference, np.quantile(reference, np.arange(0.1, 1, 0.1)))


@pytest.fixture(scope="module")
def past(days, tmp_path_factory):
    """A real server that holds them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        patch.delenv("PROMETHEUS_URL", raising=False)
        folder = tmp_path_factory.mktemp("past")
        prometheus.backfill(incident.write(days, folder / "days.txt"), folder / "data")
        with prometheus.connect(folder=folder / "data") as api:
            yield api


# the engine


@needs_prometheus
def test_it_is_a_session_on_loopback_that_answers_nobody_else(scratch):
    with prometheus.connect() as api:
        assert isinstance(api, requests.Session) and api.url.startswith("https://127.0.0.1:")
        assert api.get("api/v1/query", params={"query": "1 + 1"}).json()["data"]["result"][1] == "2"
        with pytest.raises(requests.exceptions.SSLError):  # no certificate is shown
            requests.get(api.url + "metrics", verify=api.verify, timeout=10)
        with pytest.raises(SettingError, match="is not on the server"):
            api.get("http://127.0.0.1:1/metrics")
        folder = next(scratch.glob("prometheus-*"))
        assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
        port = int(api.url.rpartition(":")[2].strip("/"))
        with pytest.raises(EngineUnavailable, match=f"port {port} is taken by another program"):
            prometheus.connect(port=port)
    assert not _server.answers(f"127.0.0.1:{port}", 0)
    assert not folder.exists()


@needs_prometheus
def test_a_chosen_port_is_used():
    port = _server.free_port()
    with prometheus.connect(port=port) as api:
        assert api.url.endswith(f":{port}/")


@needs_prometheus
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"scrape": 1}, "does not take this configuration: .*field scrape not found"),
        ({"scrape_configs": [{"job_name": "a"}, {"job_name": "a"}]}, "multiple scrape configs with job name"),
        ({"global": {"scrape_interval": "soon"}}, "not a valid duration string"),
    ],
)
def test_a_bad_configuration_is_named(config, message):
    with pytest.raises(EngineUnavailable, match=message):
        prometheus.connect(settings=config)


@needs_prometheus
def test_a_bad_rule_file_is_named(tmp_path):
    (tmp_path / "bad.yml").write_text("groups: [{name: a, rules: [{record: b, expr: 'sum('}]}]")
    with pytest.raises(
        EngineUnavailable, match=r"(?s)does not take a rule file: .*bad\.yml.*unclosed left parenthesis"
    ):
        prometheus.connect(rules=[tmp_path / "bad.yml"])
    with pytest.raises(SettingError, match=r"no such rule file: .*none\.yml"):
        prometheus.connect(rules=[tmp_path / "none.yml"])


@needs_prometheus
def test_data_that_are_in_use_foreign_or_damaged_are_refused(days, tmp_path):
    data = tmp_path / "data"
    prometheus.backfill(incident.write(days, tmp_path / "days.txt"), data)
    with prometheus.connect(folder=data), pytest.raises(EngineUnavailable, match="in use by another Prometheus"):
        prometheus.connect(folder=data)
    block = min(entry for entry in data.iterdir() if len(entry.name) == 26)
    kept = (block / "meta.json").read_text()
    (block / "meta.json").write_text(kept[:10])
    with pytest.raises(EngineUnavailable, match=f"the block {block.name} in .* is damaged"):
        prometheus.connect(folder=data)
    (block / "meta.json").write_text(kept)
    with prometheus.connect(folder=data) as api:  # and nothing was lost
        assert api.get("api/v1/query", params={"query": "count(up)", "time": days.times[-1]}).json()["data"]["result"]
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").touch()
    with pytest.raises(EngineUnavailable, match=r"holds something that is no Prometheus data \(chapter1\.tex\)"):
        prometheus.connect(folder=tmp_path / "thesis")


@needs_prometheus
@as_root
def test_a_full_disk_is_one_clear_error(days, tmp_path):
    text = incident.write(days, tmp_path / "days.txt")
    with small_disk(tmp_path / "disk", "64k"):
        with pytest.raises(WorkspaceError, match=r"the disk of .* is full"):
            prometheus.backfill(text, tmp_path / "disk" / "data")
        shutil.rmtree(tmp_path / "disk" / "data", ignore_errors=True)
        (tmp_path / "disk" / "full").write_bytes(bytes(64 * 1024))
        with pytest.raises(WorkspaceError, match=r"the disk of .* is full"):
            prometheus.connect(folder=tmp_path / "disk" / "data")


def test_a_log_of_version_2_and_one_of_version_3_are_both_read():
    for line in (
        'level=error ts=2026-01-01T00:00:00Z caller=main.go:1 msg="Error loading config" err="no such file"',
        'time=2026-01-01T00:00:00.000Z level=ERROR source=main.go:1 msg="Error loading config" err="no such file"',
    ):
        assert prometheus._ERROR.findall(line) == ["no such file"]


@needs_prometheus
def test_samples_that_promtool_refuses(tmp_path):
    (tmp_path / "samples.txt").write_text("a_total many 1\n# EOF\n")
    with pytest.raises(EngineUnavailable, match=r"promtool made no blocks of .*samples\.txt: .*invalid syntax"):
        prometheus.backfill(tmp_path / "samples.txt", tmp_path / "data")


def test_without_a_binary_it_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match=r"no prometheus on the PATH\..*apt-get install prometheus"):
        prometheus.connect()
    with pytest.raises(EngineUnavailable, match="no promtool on the PATH"):
        prometheus.promtool("--version")
    status = prometheus.probe()
    assert (status.mode, status.optional) == ("missing", True) and "apt-get install prometheus" in status.detail


@needs_prometheus
def test_probe_knows_the_version_and_starts_nothing(scratch):
    status = prometheus.probe()
    assert status.mode == "embedded" and status.optional and re.fullmatch(r"\d+\.\d+\.\d+", status.version)
    assert not list(scratch.glob("prometheus-*"))


def test_unreachable_is_said_without_the_password(monkeypatch):
    monkeypatch.setenv("PROMETHEUS_URL", "http://ada:s3cret@127.0.0.1:1")
    with pytest.raises(EngineUnavailable, match=r"nothing answers at PROMETHEUS_URL=http://127\.0\.0\.1:1") as caught:
        prometheus.connect()
    status = prometheus.probe()
    assert status.mode == "missing" and "s3cret" not in str(caught.value) + status.detail
    monkeypatch.setenv("PROMETHEUS_URL", "prometheus:9090")
    with pytest.raises(EngineUnavailable, match="is no address; it looks like http://"):
        prometheus.connect()


@contextmanager
def pretended(status: int | list[int], body: bytes):
    """A server that says the same to everything, its last status for ever; the Authorization headers that it got."""
    got, statuses = [], [status] if isinstance(status, int) else status

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            got.append(self.headers.get("Authorization"))
            self.send_response(statuses[min(len(got), len(statuses)) - 1])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()


BUILD = json.dumps({"status": "success", "data": {"version": "3.5.0"}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [(401, b"", "does not let this user in"), (200, b"<html>", "is no Prometheus"), (200, b"[]", "is no Prometheus")],
)
def test_what_answers_but_is_of_no_use(monkeypatch, status, body, message):
    with pretended(status, body) as (place, _):
        monkeypatch.setenv("PROMETHEUS_URL", f"http://{place}")
        with pytest.raises(EngineUnavailable, match=message):
            prometheus.connect()


def test_a_live_one_that_still_starts_is_waited_for(monkeypatch):
    """It answers 503 to everything until it has read its data: it is a Prometheus, and will be ready."""
    with pretended([503, 503, 200], BUILD) as (place, got):
        monkeypatch.setenv("PROMETHEUS_URL", f"http://{place}")
        prometheus.connect().close()
        assert len(got) == 3
    with pretended(503, b"Service Unavailable") as (place, _):
        monkeypatch.setenv("PROMETHEUS_URL", f"http://{place}")
        with pytest.raises(EngineUnavailable, match=r"is not ready \(status 503\) after 0.2 s"):
            prometheus.connect(timeout=0.2)


def test_a_live_one_learns_of_targets_by_a_file_that_goes_again(monkeypatch, tmp_path):
    config = {"scrape_configs": [{"job_name": "model_server", "static_configs": [{"targets": ["a:1"]}]}]}
    user = "ada:s3%20cret"
    with pretended(200, BUILD) as (place, got):
        monkeypatch.setenv("PROMETHEUS_URL", f"http://{user}@{place}")
        assert prometheus.probe().mode == "live"
        with pytest.raises(EngineUnavailable, match="Set PROMETHEUS_FILE_SD to a folder"):
            prometheus.connect(settings=config)
        with pytest.raises(EngineUnavailable, match="takes rules from its own configuration only"):
            prometheus.connect(rules=[RULES])
        monkeypatch.setenv("PROMETHEUS_FILE_SD", str(tmp_path))
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        mark = json.dumps({**this_run.mark(), "pid": gone.pid})
        left = [{"targets": ["b:1"], "labels": {"__meta_companion": mark}}]
        (tmp_path / f"companion-{gone.pid}-1.json").write_text(json.dumps(left))  # a killed kernel's
        (tmp_path / "mine.json").write_text("[]")
        with prometheus.connect(settings=config) as api:
            (file,) = tmp_path.glob("companion-*.json")
            (group,) = json.loads(file.read_text())
            assert json.loads(group["labels"].pop("__meta_companion"))["companion"] == this_run.TAG
            assert group == {"targets": ["a:1"], "labels": {"job": "model_server"}}
            assert api.get("api/v1/query").ok
    assert [p.name for p in tmp_path.iterdir()] == ["mine.json"]
    assert got[-1] == requests.auth._basic_auth_str("ada", "s3 cret")


@pytest.mark.slow
@needs_prometheus
def test_a_real_server_reads_the_file_of_targets(monkeypatch, tmp_path, scratch):
    """PROMETHEUS_URL as it is meant: a server that somebody else has started, and that watches a folder."""
    port, folder = _server.free_port(), tmp_path / "targets"
    folder.mkdir()
    job = {"job_name": "notebooks", "scrape_interval": "1s", "file_sd_configs": [{"files": [f"{folder}/*.json"]}]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}))
    command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    server = _server.Server([*command, f"--web.listen-address=127.0.0.1:{port}"], log=tmp_path / "log")
    server.wait_until(lambda: _server.answers(f"127.0.0.1:{port}", 0), "Prometheus", timeout=60)
    monkeypatch.setenv("PROMETHEUS_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("PROMETHEUS_FILE_SD", str(folder))
    shows = web.threaded(lambda _, start: (start("200 OK", []), [b"answers_total 42\n"])[1])
    try:
        with shows as address:
            target = {"targets": [address.removeprefix("http://")]}
            config = {"scrape_configs": [{"job_name": "model_server", "static_configs": [target]}]}
            with prometheus.connect(settings=config) as api:
                query = {"params": {"query": 'answers_total{job="model_server"}'}}
                assert until(lambda: api.get("api/v1/query", **query).json()["data"]["result"], 60)
                (series,) = api.get("api/v1/query", **query).json()["data"]["result"]
                assert set(series["metric"]) == {"__name__", "instance", "job"}, "the mark is in no series"
    finally:
        server.stop()


@needs_prometheus
@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_dies_with_its_kernel(scratch, sig):
    code = "from companion.engines import prometheus as p; a = p.connect(); print(a.get('-/ready').ok, flush=True); import time; time.sleep(60)"
    assert_dies_with_its_kernel(code, sig)
    assert until(lambda: not list(scratch.glob("prometheus-*")))


# rules, configuration and dashboard: the files that a reader would deploy


def promtool(*arguments: str, folder: Path = FOLDER) -> subprocess.CompletedProcess:
    return prometheus.promtool(*arguments, folder=folder)


@needs_prometheus
def test_rules_and_configurations_are_valid_and_pass_their_tests():
    for command in (
        ("check", "rules", "rules.yml"),
        ("check", "config", "prometheus.yml"),
        ("check", "config", str(ROOT / "docker" / "prometheus.yml")),
        ("test", "rules", "rules_test.yml"),
        ("test", "rules", "rules_slow_test.yml"),
    ):
        done = promtool(*command)
        assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout


@pytest.mark.slow
@needs_prometheus
@pytest.mark.parametrize(
    ("old", "new", "case"),
    [
        (" and job:service_request_errors:ratio_rate5m > 14.4 * 0.001", "", "is over five minutes after the cure"),
        ("ratio_rate1h > 14.4 * 0.001", "ratio_rate1h > 144 * 0.001", "one request in ten fails"),
        ("ratio_rate6h > 6 * 0.001", "ratio_rate6h > 60 * 0.001", "nine in a thousand"),
        (', status=~"5.."}[5m]', "}[5m]", "one request in ten fails"),
        (
            '}[1h])) / sum by (job) (rate(service_requests_total{route!~"/healthz|/readyz|/metrics"}',
            "}[1h])) / sum by (job) (rate(service_requests_total",
            "probes and scrapes are no users",
        ),
        ("feature_psi:1h > 0.25", "feature_psi:1h > 0.45", "a feature drifts"),
        (" and job_feature:service_feature_values:increase1h > 200", "", "a feature drifts"),
        ("for: 30m", "for: 3m", "a feature drifts"),
        ('le="0.5"}[1h]', 'le="1.0"}[1h]', "slow answers"),
        (
            "slow:ratio_rate1h > 14.4 * 0.01 and job:service_requests_slow:ratio_rate5m > 14.4 * 0.01",
            "slow:ratio_rate1h > 1.44 * 0.01",
            "one answer in twelve is slow",
        ),
        ("job:service_requests:rate10m == 0", "job:service_requests:rate10m < 2", "nobody asks any more"),
        ('sum by (job) (up{job=~"model_server|nlp_service"}) == 0', "up == 0", "one of two replicas"),
        (' or absent(up{job="model_server"})', "", "one that is not even known"),
    ],
)
def test_a_broken_rule_fails_its_case(tmp_path, old, new, case):
    text = RULES.read_text()
    assert old in text
    tests = yaml.safe_load((FOLDER / "rules_test.yml").read_text())
    tests["tests"] = [test for test in tests["tests"] if case in test["name"]]
    assert len(tests["tests"]) == 1, case
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump(tests, width=10**9))
    for rules, fails in ((text, False), (text.replace(old, new), True)):
        (tmp_path / "rules.yml").write_text(rules)
        assert bool(promtool("test", "rules", "rules_test.yml", folder=tmp_path).returncode) == fails


def test_every_alert_says_who_is_woken_and_what_to_do():
    alerts = [rule for rule in promql.rules(RULES) if "alert" in rule]
    tested = (FOLDER / "rules_test.yml").read_text() + (FOLDER / "rules_slow_test.yml").read_text()
    for rule in alerts:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^## (.*)$", (FOLDER / file).read_text(), re.M)
        assert anchor == rule["alert"].lower() and rule["alert"] in headings, f"{rule['alert']}: no section in {file}"
        assert f"alertname: {rule['alert']}" in tested, f"{rule['alert']} has no test"


def metrics_of(expression: str) -> set[str]:
    """Names of the series that an expression asks for."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|group_left)\s*\([^)]*\)", "", expression)
    words = set(re.findall(r"[a-zA-Z_:][\w:]*", bare))
    return words - {"sum", "max", "min", "count", "rate", "increase", "histogram_quantile", "absent", "ln", "and", "or"}


def known_names() -> set[str]:
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    shown = {f + suffix for f, (kind, _) in incident.FAMILIES.items() for suffix in suffixes[kind]}
    return shown | {rule["record"] for rule in promql.rules(RULES) if "record" in rule} | {"ALERTS"}


def dashboard_queries() -> list[tuple[str, str]]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]


def test_the_dashboard_and_the_rules_ask_only_for_what_there_is(days):
    assert {series.labels["__name__"] for series in days.series} == known_names() - {
        rule.get("record") for rule in promql.rules(RULES)
    } - {"ALERTS"}
    for where, expression in [
        *dashboard_queries(),
        *((r.get("alert") or r["record"], r["expr"]) for r in promql.rules(RULES)),
    ]:
        assert metrics_of(expression) and metrics_of(expression) <= known_names(), where
    assert metrics_of("sum(rate(service_nothing_total[5m]))") - known_names() == {"service_nothing_total"}


def test_the_dashboard_is_one_that_grafana_takes():
    board = json.loads(DASHBOARD.read_text())
    assert board["title"] and board["uid"] and board["schemaVersion"] >= 30
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"] and panel["gridPos"].keys() == {"h", "w", "x", "y"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    cells = {(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels}
    assert len(cells) == len(panels), "two panels in one place"
    assert "datasource" in {variable["name"] for variable in board["templating"]["list"]}


def test_every_panel_has_a_line_on_the_bad_day(days):
    records = {r["record"]: r["expr"] for r in promql.rules(RULES) if "record" in r}
    for panel in dashboard.panels(DASHBOARD):
        for target in panel["targets"]:
            found = promql.evaluate(promql.expand(target["expr"], records), days.series, days.evaluations())
            assert any(np.isfinite(values).any() for values in found.values()), panel["title"]
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert all(named <= {name for name, _ in labels} for labels in found), panel["title"]


def test_kubernetes_gets_the_very_files():
    objects = manifests.render("monitoring")
    manifests.check(objects)
    data = {o["metadata"]["name"]: o["data"] for o in objects}
    assert data["prometheus-rules"]["rules.yml"] == RULES.read_text()
    assert data["alertmanager-config"]["alertmanager.yml"] == (FOLDER / "alertmanager.yml").read_text()
    assert data["model-service-dashboard"]["dashboard.json"] == DASHBOARD.read_text()


# the second path: what it computes is what Prometheus computes


def over_day(api, days, expression):
    at = days.evaluations()
    span = {"query": expression, "start": at[0], "end": at[-1], "step": 60}
    answer = api.get("api/v1/query_range", params=span).json()
    assert answer["status"] == "success", answer
    return promql.read(answer["data"], at), promql.evaluate(expression, days.series, at)


EXPRESSIONS = [
    'rate(service_requests_total{status!="200"}[7m])',
    "increase(service_requests_total[1h30m])",
    "sum(rate(service_requests_total[5m])) by (status, job) * 60 - 1",
    "count by (version) (service_model)",
    "-service_requests_in_flight / 2",
    'absent(up{job="nobody"})',
    'histogram_quantile(0.9, sum by (le) (rate(service_request_seconds_bucket{le!~"0.25|1.0"}[2m])))',
    "histogram_quantile(1.5, rate(service_request_seconds_bucket[5m]))",
    "service_request_seconds_sum / service_request_seconds_count",
    *(
        promql.expand(rule["expr"], {r["record"]: r["expr"] for r in promql.rules(RULES) if "record" in r})
        for rule in promql.rules(RULES)
        if "record" in rule
    ),
]


@needs_prometheus
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_second_path_agrees_with_prometheus(past, days, expression):
    asked, computed = over_day(past, days, expression)
    computed = {labels: values for labels, values in computed.items() if not np.isnan(values).all()}
    assert asked and asked.keys() == computed.keys()
    for labels, values in asked.items():
        np.testing.assert_allclose(computed[labels], values, rtol=1e-9)


@needs_prometheus
def test_it_agrees_on_counters_that_restart_and_scrapes_that_fail(tmp_path):
    """Irregular samples, gaps longer than the windows, resets: where extrapolation is at its trickiest."""
    rng = np.random.default_rng(1)
    times = incident.START + np.cumsum(rng.integers(5, 90, 400)).astype(float)
    times = times[(np.arange(400) % 90) < 70]
    steps = rng.integers(0, 9, len(times)).astype(float)
    values = np.concatenate([np.cumsum(part) for part in np.array_split(steps, 7)])
    series = promql.Series({"__name__": "answers_total"}, times, values)
    lines = [f"answers_total {value!r} {time!r}" for time, value in zip(times.tolist(), values.tolist(), strict=True)]
    (tmp_path / "a.txt").write_text("\n".join(["# TYPE answers counter", *lines, "# EOF", ""]))
    prometheus.backfill(tmp_path / "a.txt", tmp_path / "data")
    at = np.arange(times[0] - 100.5, times[-1] + 500, 7)
    with prometheus.connect(folder=tmp_path / "data") as api:
        for expression in ("rate(answers_total[2m])", "increase(answers_total[20m])", "answers_total"):
            span = {"query": expression, "start": at[0], "end": at[-1], "step": 7}
            asked = promql.read(api.get("api/v1/query_range", params=span).json()["data"], at)
            computed = promql.evaluate(expression, [series], at)
            assert asked.keys() == computed.keys()
            for labels in asked:
                np.testing.assert_allclose(computed[labels], asked[labels], rtol=1e-9)


def test_parse_and_ask_an_exposition():
    text = '# TYPE a_total counter\na_total{code="200"} 3\na_total{code="500"} 1\n'
    samples = promql.parse(text)
    assert promql.instant("sum(a_total)", samples) == {(): 4.0}
    assert promql.instant('a_total{code=~"5.."} / 2', samples) == {promql.labels(code="500"): 0.5}
    assert promql.instant("1 + 2 * 3", samples) == {(): 7.0}
    assert promql.instant("b_total", samples) == {}
    assert promql.instant('sum by (run) (a_total{run="x"})', promql.parse(text, run="x")) == {
        promql.labels(run="x"): 4.0
    }


def test_records_are_replaced_by_what_they_record_and_circles_noticed():
    assert promql.expand("a:b > a:b:c", {"a:b": "x", "a:b:c": "a:b + 1"}) == "(x) > ((x) + 1)"
    with pytest.raises(SettingError, match="record each other"):
        promql.expand("a", {"a": "b + b", "b": "a"})


def test_an_alert_is_pending_until_it_has_held():
    active = np.array([0, 1, 1, 1, 0, 1, 1], bool)
    states = promql.alert_states(active, 60.0 * np.arange(7), 120)
    assert states.tolist() == [0, 1, 1, 2, 0, 1, 1]
    assert promql.alert_states(active, 60.0 * np.arange(7), 0).tolist() == [0, 2, 2, 2, 0, 2, 2]
    assert promql.spans(states == 2) == [(3, 4)]


# the simulated days


def test_the_days_are_the_same_for_the_same_seed_and_hold_what_was_planted(days):
    reference = np.random.default_rng(0).normal(62, 8, 1000)
    again = incident.record(reference, np.quantile(reference, np.arange(0.1, 1, 0.1)))
    assert incident.openmetrics(again) == incident.openmetrics(days)
    at = days.evaluations()
    hour = (at - days.last_day) / 3600
    (share,) = promql.evaluate(
        'sum(rate(service_requests_total{status="500"}[5m])) / sum(rate(service_requests_total[5m]))', days.series, at
    ).values()
    for event in incident.EVENTS:
        inside = (
            (hour > event.start + 5 / 60) & (hour < event.stop) & ((hour < 16) | (event.name != "recalibrated gauge"))
        )
        if event.errors and inside.any():
            assert abs(share[inside].mean() - event.errors) < 0.002, event.name
    assert share[(hour > 3) & (hour < 8)].mean() < 0.0004
    quiet = incident.record(reference, np.quantile(reference, np.arange(0.1, 1, 0.1)), events=())
    records = {r["record"]: r["expr"] for r in promql.rules(RULES) if "record" in r}
    (drift,) = promql.evaluate(
        promql.expand("max(job_feature:service_feature_psi:1h)", records), quiet.series, at
    ).values()
    assert drift.max() < 0.02
    with pytest.raises(SettingError, match="within the last day"):
        incident.record(reference, np.array([60.0]), events=(incident.Event("late", 23, 25),))


def test_stretches_are_half_long_half_short():
    ratio, long, cure = incident.stretches(1, 40)
    failing = (ratio > incident.USUAL_ERRORS).sum(axis=1)
    assert ratio.shape == (40, 180) and long.sum() == 20
    assert (failing[long] >= 40).all() and (failing[~long] <= 5).all() and (cure == 60 + failing).all()


# the small web services


def test_a_threaded_service_is_gone_after_its_block():
    with web.threaded(lambda _, start: (start("200 OK", []), [b"here"])[1]) as address:
        assert requests.get(address, timeout=10).text == "here"
    with socket.socket() as trial:
        assert trial.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) != 0


APP = """
import os
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""


def test_workers_are_several_processes_that_go(tmp_path):
    mark = new_mark()
    with web.workers(tmp_path / "app", APP, environment=mark) as address:
        assert len(set(web.drive(address, 50))) >= 2
    assert_gone(mark)
    assert not (tmp_path / "app").exists()


def test_a_service_that_does_not_start_says_why(tmp_path):
    with (
        pytest.raises(EngineUnavailable, match=r"(?s)gunicorn did not start"),
        web.workers(tmp_path / "a", "import nothing_such"),
    ):
        pass


# the notebook on a machine without Prometheus


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prometheus_metrics", "prometheus_alerts"])
def test_the_notebook_gives_the_same_outputs_without_prometheus(tmp_path, name):
    """The second path: nbval compares with the outputs that the real engine has made."""
    python = tmp_path / "bin"
    python.mkdir()
    environment = {"PATH": str(python), "COMPANION_WORKSPACE": str(tmp_path / "workspace")}
    done = runs.nbval(NOTEBOOKS / chapter(name).file, environment)
    assert done.returncode == 0, done.said
