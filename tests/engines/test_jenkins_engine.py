"""The session with a Jenkins controller, against a controller of forty lines on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jenkinsfile
import pytest
from readme import checked

from companion import EngineUnavailable, SettingError
from companion.engines import jenkins as engine

TOKEN = "t0ken"


class FakeController(BaseHTTPRequestHandler):
    """Answers as a controller does: X-Jenkins, a crumb for every POST, a queue, a run that takes two questions."""

    def log_message(self, *_):
        pass

    def answer(self, status=200, body: object = "", **headers):
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in {"X-Jenkins": "2.500", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        seen, path = self.server.seen, urlsplit(self.path).path.removeprefix("/ci")
        seen.append(path)
        if getattr(self.server, "starting", 0) >= len(seen):
            self.answer(503)
        elif self.server.token and "Authorization" not in self.headers:
            self.answer(401)
        elif path == "/api/json":
            self.answer(body={"mode": "NORMAL"})
        elif path == "/crumbIssuer/api/json":
            self.answer(body={"crumbRequestField": "Jenkins-Crumb", "crumb": "c1"})
        elif path == "/queue/item/7/api/json":
            waits = seen.count(path) < 2
            self.answer(
                body={"why": "waiting"} if waits else {"executable": {"url": "http://ci.example/ci/job/book/3/"}}
            )
        elif path == "/job/book/3/api/json":
            ends = seen.count(path) >= 2
            self.answer(body={"building": not ends, "result": "FAILURE" if ends else None})
        else:
            self.answer(404)

    def do_POST(self):
        path = urlsplit(self.path).path.removeprefix("/ci")
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"] or 0)).decode(), keep_blank_values=True)
        self.server.posted.append((path, form))
        if self.headers.get("Jenkins-Crumb") != "c1":
            self.answer(403, "no crumb")
        elif path == "/pipeline-model-converter/validate":
            faults = jenkinsfile.check(form["jenkinsfile"][0])
            lines = [
                f"WorkflowScript: {f.line}: {f.message} @ line {f.line}, column {f.column}.\n   source\n   ^\n"
                for f in faults
            ]
            head = "Errors encountered validating Jenkinsfile:\n"
            self.answer(body=head + "\n".join(lines) if faults else "Jenkinsfile successfully validated.\n")
        elif path.startswith("/job/book/build"):
            self.answer(201, Location="http://ci.example/ci/queue/item/7/")
        else:
            self.answer(404)


@pytest.fixture
def controller(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeController)
    server.seen, server.posted, server.token = [], [], None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("JENKINS_URL", checked("JENKINS_URL", f"http://127.0.0.1:{server.server_port}/ci/"))
    for name in ("JENKINS_USER", "JENKINS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    server.server_close()


def test_a_session_is_bound_to_the_controller(controller):
    session = engine.connect()
    assert session.get("api/json").json() == {"mode": "NORMAL"}
    assert session.headers["Jenkins-Crumb"] == "c1"
    with pytest.raises(SettingError, match=r"https://elsewhere\.example/ is not on the controller"):
        session.get("https://elsewhere.example/")


def test_the_user_comes_from_the_environment_and_is_not_shown(controller, monkeypatch):
    controller.token = TOKEN
    with pytest.raises(EngineUnavailable, match=r"does not let nobody in particular in.*JENKINS_TOKEN"):
        engine.connect()
    monkeypatch.setenv("JENKINS_USER", checked("JENKINS_USER", "ada"))
    monkeypatch.setenv("JENKINS_TOKEN", checked("JENKINS_TOKEN", TOKEN))
    assert engine.connect().auth == ("ada", TOKEN)
    monkeypatch.delenv("JENKINS_USER")
    monkeypatch.delenv("JENKINS_TOKEN")
    port = controller.server_port
    monkeypatch.setenv("JENKINS_URL", f"http://ada:{TOKEN}@127.0.0.1:{port}/ci")
    assert engine.connect().url == f"http://127.0.0.1:{port}/ci/"
    status = engine.probe()
    assert status.mode == "live"
    assert status.version == "2.500"
    assert TOKEN not in status.detail


def test_the_controllers_own_validator(controller):
    session = engine.connect()
    assert engine.validate(session, "pipeline { agent any\nstages { stage('a') { steps { echo 'x' } } } }") == []
    ((line, column, reason),) = engine.validate(session, "pipeline { agent any\nstages { } }")
    assert (line, column) == (2, 1)
    assert "stages is empty" in reason


def test_what_is_no_list_of_faults_is_passed_on(controller, monkeypatch):
    session = engine.connect()
    monkeypatch.setattr(jenkinsfile, "check", lambda _: [jenkinsfile.Finding(1, 1, "x")])
    assert engine.validate(session, "node { }") == [(1, 1, "x")]


def test_a_run_is_started_and_waited_for(controller):
    session = engine.connect()
    run = engine.start(session, "book", {"TARGET": "docker", "PROMOTE": True})
    assert run.endswith("/ci/job/book/3/")
    assert engine.wait_for(session, run) == "FAILURE"
    assert controller.posted[-1] == ("/job/book/buildWithParameters", {"TARGET": ["docker"], "PROMOTE": ["true"]})


def test_without_parameters_it_is_a_plain_build(controller):
    engine.start(engine.connect(), "book")
    assert controller.posted[-1] == ("/job/book/build", {})


def test_an_unknown_job_is_named(controller):
    with pytest.raises(EngineUnavailable, match=r"'no/such' was not started: there is no such job \(status 404\)"):
        engine.start(engine.connect(), "no/such")


def test_a_queue_and_a_run_that_take_too_long(controller):
    session = engine.connect()
    with pytest.raises(EngineUnavailable, match="still in the queue after 0 s"):
        engine.start(session, "book", timeout=0)
    with pytest.raises(EngineUnavailable, match="has not ended after 0 s"):
        engine.wait_for(session, "job/book/3/", timeout=0)


def test_without_an_address_it_says_how_to_get_one(monkeypatch):
    monkeypatch.delenv("JENKINS_URL", raising=False)
    with pytest.raises(EngineUnavailable, match=r"no Jenkins controller is known.*jenkins/compose\.yaml"):
        engine.connect()
    status = engine.probe()
    assert (status.mode, status.optional) == ("missing", True)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/", "no Jenkins controller answers at JENKINS_URL=http://127.0.0.1:1/"),
        ("ftp://jenkins.example/", "is no address"),
        ("jenkins.example", "is no address"),
    ],
)
def test_a_wrong_address_is_named(monkeypatch, url, reason):
    monkeypatch.setenv("JENKINS_URL", url)
    with pytest.raises(EngineUnavailable, match=reason):
        engine.connect()
    assert engine.probe().mode == "missing"


def test_a_controller_that_still_starts_is_waited_for(controller):
    """It answers 503 to everything while it loads its jobs ("Please wait while Jenkins is getting ready to work")."""
    controller.starting = 2
    engine.connect().close()
    assert controller.seen[:3] == ["/api/json"] * 3
    controller.starting = 10**6
    with pytest.raises(
        EngineUnavailable, match=r"controller at JENKINS_URL=\S+ is not ready \(status 503\) after 0.2 s"
    ):
        engine.connect(timeout=0.2)


def test_what_is_no_jenkins_is_said(monkeypatch):
    class Other(FakeController):
        def answer(self, status=200, body="", **headers):
            super().answer(status, "<html>", X_Jenkins="", **headers)

        def send_header(self, name, value):
            if name != "X-Jenkins":
                super().send_header(name, value)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    server.seen, server.posted, server.token = [], [], None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("JENKINS_URL", f"http://127.0.0.1:{server.server_port}")
    with pytest.raises(EngineUnavailable, match=r"is no Jenkins \(status 404\)|is no Jenkins \(status 200\)"):
        engine.connect()
    server.shutdown()
    server.server_close()
