"""Programs beside the kernel: one wait, one start of gunicorn, one filter of what a child sees; each held where it is used."""

import ast
import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from companion import EngineUnavailable, checkout, engines
from companion.labs.edge import cloud
from companion.processes import environment, gunicorn, server, supervised, wait, web, worker

ROOT = checkout.folder()
PRODUCT = [*(ROOT / "companion").rglob("*.py"), *(ROOT / "scripts").rglob("*.py"), *(ROOT / "docker").rglob("*.py")]


def place(path: Path, node: ast.AST) -> str:
    """Where a node stands, as ``companion/engines/redis.py:_migrate``: the innermost function around it."""
    around = [
        f
        for f in ast.walk(ast.parse(path.read_text()))
        if isinstance(f, ast.FunctionDef) and f.lineno <= node.lineno <= (f.end_lineno or 0)
    ]
    return ":".join([path.relative_to(ROOT).as_posix(), *(f.name for f in around[-1:])])


def calls(node: ast.AST) -> set[str]:
    """The names of what is called below a node, without their modules."""
    functions = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    return {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in functions}


# waiting


def test_until_gives_the_first_true_answer_and_asks_at_least_once():
    answers = iter([None, 0, "", "there"])
    assert wait.until(lambda: next(answers), 60, "it is not there", pause=0) == "there"
    assert wait.until(lambda: "at once", 0, "it is not there") == "at once"


def test_who_waits_in_vain_hears_what_how_long_and_why():
    with pytest.raises(wait.WaitError) as caught:
        wait.until(lambda: False, 0.01, "the cloud did not start", detail=lambda: "the port is taken", pause=0)
    assert str(caught.value) == "the cloud did not start after 0.01 s: the port is taken"
    assert isinstance(caught.value, EngineUnavailable) and isinstance(caught.value, TimeoutError)


def test_waiting_ends_early_when_it_has_become_pointless():
    with pytest.raises(wait.WaitError) as caught:
        wait.until(lambda: False, 1e9, "it did not start", over=lambda: "it has ended", detail=lambda: "out of memory")
    assert str(caught.value) == "it did not start: it has ended. out of memory"
    with pytest.raises(wait.WaitError, match=r"^it did not start: out of memory$"):
        wait.until(lambda: False, 1e9, "it did not start", over=lambda: "", detail=lambda: "out of memory")


def test_both_answers_may_be_fine():
    assert wait.comes_true(lambda: True) is True
    assert wait.comes_true(lambda: False, seconds=0) is False


def test_of_a_log_the_end_or_the_line_that_says_most():
    log = "begin\n\nValueError: no such port\nbye\n"
    assert wait.telling_line(log) == "ValueError: no such port"
    assert wait.telling_line("a\nb\n\n") == "b" and wait.telling_line("\n") == "no output"
    assert wait.end_of(log, 2) == "The end of its log:\nValueError: no such port\nbye"
    assert wait.end_of("") == "Its log is empty"


#: loops that sleep or look at the clock and are no wait for something to come true
NO_WAIT = {
    "companion/processes/wait.py:until": "the one",
    "companion/processes/kernels.py": "looks at its socket again and again, by the socket's own wait",
    "companion/processes/remote.py:answer": "reads answers from a pipe, by the pipe's own wait",
    "companion/processes/supervised.py:_supervise": "runs its command again and again; the pause grows",
    "companion/engines/redis.py:_migrate": "as long as it makes progress: nobody knows how large the data are",
    "companion/engines/pysyft/fence.py:_watch": "reads what a job prints, and looks at its files now and then",
    "companion/labs/microservices/relay.py:_answers": "reads from a socket, and notes when each piece is due",
    "companion/labs/microservices/relay.py:_hand_out": "a slow line: the pause is what it is for",
    "companion/grading/round.py:_in_processes": "students side by side, each with a deadline of its own",
    "scripts/mutation/grading.py:hear": "reads a line from a pipe",
    "scripts/mutation/worker.py:_end_with": "ends with its parent",
    "scripts/mutation/worker.py:grade_forked": "mutants side by side, each with a deadline of its own",
}


def test_nobody_writes_a_wait_of_his_own():
    loops = [
        place(path, loop)
        for path in PRODUCT
        for loop in ast.walk(ast.parse(path.read_text()))
        if isinstance(loop, ast.While) and calls(loop) & {"monotonic", "sleep"}
    ]
    assert sorted(set(loops)) == sorted(NO_WAIT), "wait by companion.processes.wait"


# what a child sees


ENGINE_VARIABLES = sorted(
    {
        name
        for module in pkgutil.iter_modules(engines.__path__, "companion.engines.")
        for key, value in vars(importlib.import_module(module.name)).items()
        if (key in ("REAL", "VARIABLES") or key.endswith("VARIABLE")) and key != "BASE_VARIABLE"
        for name in ([value] if isinstance(value, str) else value)
    }
)
SECRETS = [
    "GITHUB_TOKEN",
    "OPENAI_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "PGPASSWORD",
    "MY_SECRET",
    "DB_PASSWORD",
    "npm_token",
]
SETTINGS = [
    "GUNICORN_CMD_ARGS",
    "WEB_CONCURRENCY",
    "PORT",
    "FLASK_DEBUG",
    "PROMETHEUS_MULTIPROC_DIR",
    "SERVICE_WORKERS",
]
SETTINGS += ["MODEL_FOLDER", "RANKING_COOLDOWN", "CLOUD_TOKEN", "FORWARDED_ALLOW_IPS"]
FORBIDDEN = [*ENGINE_VARIABLES, *SECRETS, *SETTINGS]
HARMLESS = {
    "LANG": "C.UTF-8",
    "COMPANION_WORKSPACE": "/tmp/x",
    "MONKEY": "1",
    "AUTHOR": "me",
    "SYFTBOX_EMAIL": "a@b.example",
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_names_an_engine_sets_a_server_or_is_secret_stays_here(name, monkeypatch):
    monkeypatch.setenv(name, "poison")
    assert name not in environment.for_child()
    assert environment.for_child(keep=[name])[name] == "poison"
    assert environment.for_child({name: "given"})[name] == "given"


def test_the_engines_variables_are_all_known_here():
    assert {"REDIS_URL", "DATABASE_URL", "DOCKER_HOST", "SYFT_DO_TOKEN_PATH", "COMPANION_REAL_AWS"} <= set(
        ENGINE_VARIABLES
    )
    assert len(ENGINE_VARIABLES) >= 15


def test_an_address_with_a_password_stays_here_and_the_rest_goes_along(monkeypatch):
    monkeypatch.setenv("QUEUE", "amqp://me:s3cret@host/x")
    for name, value in HARMLESS.items():
        monkeypatch.setenv(name, value)
    passed = environment.for_child()
    assert "QUEUE" not in passed and passed.items() >= HARMLESS.items()
    assert passed["PATH"] == os.environ["PATH"]
    variables = {"REDIS_URL": "redis://x", **HARMLESS}
    environment.strip(variables)
    assert variables == HARMLESS


@pytest.fixture
def poisoned(monkeypatch):
    """The shell of a reader who has everything set; the values would break gunicorn, and are found again in any child."""
    for name in FORBIDDEN:
        monkeypatch.setenv(name, "--poison")


def seen_by_children() -> list[dict[str, str]]:
    """The environments of the living processes below this one, as they were started with."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            found.append(process.environ())
        except psutil.Error:
            continue
    return found


def assert_clean(environments: list[dict[str, str]]) -> None:
    leaked = {name for variables in environments for name, value in variables.items() if "--poison" in value}
    assert environments and not leaked


def test_a_server_and_its_guard_see_none_of_it(poisoned, tmp_path):
    started = server.Server([sys.executable, "-c", "print('up', flush=True); input()"], log=tmp_path / "log")
    waiting = server.Server(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"], log=tmp_path / "2"
    )
    assert wait.comes_true(lambda: "up" in waiting.said() and "up" in started.said())
    assert_clean(seen_by_children())
    started.stop()
    waiting.stop()


APP = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"up"]
"""


def test_the_workers_of_a_module_see_none_of_it(poisoned, tmp_path):
    with web.workers(tmp_path / "app", APP, environment={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}) as url:
        assert server.status(url) == 200
        environments = seen_by_children()
    assert_clean(environments)
    assert any(e.get("PROMETHEUS_MULTIPROC_DIR") == str(tmp_path) for e in environments), (
        "what is given by name arrives"
    )


def test_the_far_end_sees_none_of_it(poisoned, tmp_path):
    far = cloud.start(tmp_path)
    assert_clean(seen_by_children())
    far.stop()


def test_a_supervised_service_sees_none_of_it(poisoned, tmp_path):
    trial = shutil.copytree(ROOT / "jenkins" / "trial", tmp_path / "trial")
    running = supervised.run(
        tmp_path / "run", trial / "hello", restart=True, environment={"PYTHONPATH": f"{trial}:{trial}/hello"}
    )
    assert wait.comes_true(lambda: server.status(f"{running.url}/readyz") == 200, 60), running.logs().decode()
    assert_clean(seen_by_children())
    running.remove()


def test_a_release_on_trial_sees_none_of_it(tmp_path):
    trial = shutil.copytree(ROOT / "jenkins" / "trial", tmp_path / "trial")
    code = trial / "hello" / "service.py"
    shown = (
        f"import json, os, pathlib; pathlib.Path({str(tmp_path / 'seen')!r}).write_text(json.dumps(dict(os.environ)))\n"
    )
    code.write_text(code.read_text() + "\n" + shown)
    settings = {"TARGET": "process", "SERVICES": "hello", "CONTEXT": str(trial), "STATE": str(tmp_path / "state")}
    poisoned = {**os.environ, **dict.fromkeys(FORBIDDEN, "--poison"), **settings}
    command = [sys.executable, str(ROOT / "scripts" / "machine.py")]
    machine = server.Server(command, log=tmp_path / "machine.log", env=poisoned)
    machine.wait_until(lambda: (tmp_path / "state" / "machine.json").is_file(), "the machine")
    for name in ("images", "staging", "smoke"):
        command = [sys.executable, str(ROOT / "scripts" / "deploy.py"), name]
        done = subprocess.run(command, env=poisoned, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    machine.stop()
    assert_clean([json.loads((tmp_path / "seen").read_text())])


def _tell(path: str) -> None:
    """What a function in a worker sees, and what a program sees that it starts."""
    import json
    import os
    import subprocess
    import sys
    from pathlib import Path

    grandchild = subprocess.check_output([sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"])
    Path(path).write_text(json.dumps([dict(os.environ), json.loads(grandchild)]))


def test_a_function_in_a_worker_sees_none_of_it(poisoned, tmp_path):
    process = worker.start(_tell, str(tmp_path / "seen"))
    process.join(60)
    assert process.exitcode == 0
    assert_clean(json.loads((tmp_path / "seen").read_text()))


def test_what_somebody_elses_code_starts_under_a_guard_sees_none_of_it():
    """As PySyft's jobs are started: by PySyft, with all of this process' environment."""
    guard = [sys.executable, "-m", "companion.processes.guard", "--no-stdin", "--filtered", str(os.getpid()), ""]
    show = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    variables = {**os.environ, **dict.fromkeys(FORBIDDEN, "--poison"), "SYFTBOX_EMAIL": "a@b.example"}
    done = subprocess.run([*guard, "--", *show], env=variables, capture_output=True, text=True)
    seen = json.loads(done.stdout)
    assert_clean([seen])
    assert seen["SYFTBOX_EMAIL"] == "a@b.example"


#: copies of this process' whole environment, and why they are no way to a service or an engine
WHOLE = {
    "companion/processes/environment.py:for_child": "the filter itself",
    "companion/processes/environment.py:strip": "the filter itself",
    "companion/engines/pysyft/jobs.py:prepare": "uv, which has to find and log in to the reader's package index",
    "scripts/bench.py:run_notebook": "a notebook as a reader would run it",
    "scripts/notebooks.py:execute": "without the live engines, by a list of its own",
    "scripts/sizes.py:run_at": "a notebook as a reader would run it",
    "scripts/runtimes.py:compose": "docker's client, the reader's own program",
}


def _is_environ(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ" and getattr(node.value, "id", "") == "os"


def test_nobody_hands_on_the_whole_environment():
    copies = set()
    for path in PRODUCT:
        for node in ast.walk(ast.parse(path.read_text())):
            spread = isinstance(node, ast.Dict) and any(
                k is None and _is_environ(v) for k, v in zip(node.keys, node.values, strict=True)
            )
            listed = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("items", "copy")
                and _is_environ(node.func.value)
            )
            if spread or listed:
                copies.add(place(path, node))
    assert copies <= set(WHOLE), "use companion.processes.environment"


# gunicorn


def test_gunicorn_is_started_in_one_place():
    starts = {
        path.relative_to(ROOT).as_posix()
        for path in PRODUCT
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.List) and any(isinstance(e, ast.Constant) and e.value == "gunicorn" for e in node.elts)
    }
    assert starts == {"companion/processes/gunicorn.py"}


def test_gunicorn_listens_on_loopback_where_it_was_told(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    url = gunicorn.free_url()
    running = gunicorn.start("app:application", url, log=tmp_path / "log", folder=tmp_path, workers=1)
    running.wait_until(lambda: server.status(url) == 200, "gunicorn", timeout=60)
    listening = {
        c.laddr
        for p in psutil.Process(running.process.pid).children(recursive=True)
        for c in p.net_connections("tcp")
        if c.status == psutil.CONN_LISTEN
    }
    assert {(address.ip, address.port) for address in listening} == {("127.0.0.1", int(url.rpartition(":")[2]))}
    running.stop()
    assert server.status(url) is None


def test_a_proxy_is_not_asked_for_loopback(monkeypatch, tmp_path):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with web.threaded(lambda _, start: (start("404 NOT FOUND", []), [b""])[1]) as url:
        assert server.status(url) == 404
