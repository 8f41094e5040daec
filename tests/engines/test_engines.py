"""The seam: each engine gives its own client, dies with its kernel, and says clearly what is missing."""

import os
import signal
import stat
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from processes import assert_dies_with_its_kernel, assert_gone, interruptible, new_mark, until
from readme import checked

from companion import EngineUnavailable, engines
from companion.engines import aws, dask, docker, redis, spark
from companion.engines.spark import java
from companion.processes import server as _server

pytestmark = pytest.mark.usefixtures("scratch", "no_live_engines")


def test_probe_starts_nothing_and_names_every_engine():
    found = engines.probe()
    assert tuple(status.engine for status in found) == engines.NAMES
    assert all(status.mode in ("embedded", "live", "missing") and status.detail for status in found)


@pytest.mark.parametrize("name", engines.NAMES)
def test_every_engine_has_the_two_functions(name):
    module = import_module(f"companion.engines.{name}")
    connect = module.interpreter if name == "litert" else module.connect
    assert callable(connect) and callable(module.probe)
    assert connect.__doc__ and module.probe.__doc__


# Redis stands for every engine that is a server process of its own.


def test_redis_gives_its_own_client_on_loopback_with_a_password(scratch):
    import redis as package

    with redis.connect(decode_responses=True) as client:
        assert type(client) is package.Redis
        client.set("a", "1")
        assert client.get("a") == "1"
        settings = client.connection_pool.connection_kwargs
        assert settings["host"] == "127.0.0.1"
        stranger = package.Redis(host="127.0.0.1", port=settings["port"])
        with pytest.raises(package.AuthenticationError):
            stranger.ping()
        folder = next(scratch.glob("redis-*"))
        assert stat.S_IMODE((folder / "redis.conf").stat().st_mode) == 0o600
        port = settings["port"]
    assert not _server.answers(f"127.0.0.1:{port}", 0)
    assert not folder.exists()


def test_redis_unreachable_is_said_without_the_password(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://:s3cret@127.0.0.1:1/0")
    with pytest.raises(EngineUnavailable, match=r"REDIS_URL \(127\.0\.0\.1:1/0\)") as caught:
        redis.connect()
    assert "s3cret" not in str(caught.value)
    status = redis.probe()
    assert status.mode == "missing" and "s3cret" not in status.detail


def test_redis_live_and_a_wrong_password(monkeypatch):
    with redis.connect() as embedded:
        settings = embedded.connection_pool.connection_kwargs
        monkeypatch.setenv("REDIS_URL", f"redis://:{settings['password']}@127.0.0.1:{settings['port']}/0")
        with redis.connect() as live:
            assert live.ping()
        assert redis.probe().mode == "live"
        monkeypatch.setenv("REDIS_URL", f"redis://:wrong@127.0.0.1:{settings['port']}/0")
        with pytest.raises(EngineUnavailable, match=r"invalid username-password|WRONGPASS"):
            redis.connect()


def test_a_server_that_does_not_start_shows_the_end_of_its_log(scratch, tmp_path):
    server = _server.Server([sys.executable, "-c", "raise SystemExit('no such disk')"], log=tmp_path / "log")
    with pytest.raises(EngineUnavailable, match=r"(?s)Toy did not start.*no such disk"):
        server.wait_until(lambda: False, "Toy")


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_server_dies_with_its_kernel_however_that_dies(scratch, sig):
    code = "from companion.engines import redis; c = redis.connect(); print(c.ping(), flush=True); import time; time.sleep(60)"
    assert_dies_with_its_kernel(code, sig)
    assert until(lambda: not list(scratch.glob("redis-*")))


# AWS: a reader with real credentials, a profile, a proxy and endpoints of their own must never reach any of them


@pytest.fixture
def a_readers_aws(monkeypatch, tmp_path):
    """The traps that a reader's shell and home folder may hold."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = AKIAHOME\naws_secret_access_key = home\n"
    )
    (home / ".aws" / "config").write_text(
        "[default]\nregion = eu-west-1\n[profile work]\nregion = eu-west-1\nendpoint_url = https://example.invalid\n"
        "services = own\n[services own]\ns3 =\n  endpoint_url = https://example.invalid\n"
    )
    for name, value in {
        "HOME": str(home),
        "AWS_CONFIG_FILE": str(home / ".aws" / "config"),
        "AWS_PROFILE": "work",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL_S3": "https://s3.us-east-1.amazonaws.com",
        "AWS_ENDPOINT_URL_CLOUDFORMATION": "https://example.invalid",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)


def test_aws_talks_to_the_stand_in_only(a_readers_aws):
    session = aws.connect()
    storage = session.client("s3")
    storage.create_bucket(Bucket="book")
    assert "book" in [bucket["Name"] for bucket in storage.list_buckets()["Buckets"]]
    assert session.client("cloudformation").list_stacks()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert session.resource("ec2").meta.client.meta.endpoint_url.startswith("http://127.0.0.1:")
    assert storage.meta.endpoint_url.startswith("http://127.0.0.1:")
    credentials = session.get_credentials()
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("embedded", "embedded", None)
    assert session.region_name == "us-east-1"


def test_aws_with_a_profile_that_does_not_exist(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert aws.connect().client("sts").get_caller_identity()["Account"] == "123456789012"


def test_aws_stops_a_request_to_any_other_host(a_readers_aws):
    session = aws.connect()
    for other in ("https://s3.us-east-1.amazonaws.com", "http://127.0.0.1:1", "https://example.invalid"):
        with pytest.raises(EngineUnavailable, match="was stopped"):
            session.client("s3", endpoint_url=other).list_buckets()


@pytest.mark.parametrize(
    "url", ["https://sts.amazonaws.com", "https://s3.dualstack.us-east-1.api.aws", "AMAZONAWS.com."]
)
def test_aws_endpoint_of_amazon_is_refused(monkeypatch, url):
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(EngineUnavailable, match=r"real AWS.*COMPANION_REAL_AWS"):
        aws.connect()


def test_aws_live_stand_in_and_one_that_does_not_answer(monkeypatch):
    embedded = aws.connect().client("s3").meta.endpoint_url
    monkeypatch.setenv("AWS_ENDPOINT_URL", checked("AWS_ENDPOINT_URL", embedded))
    assert aws.connect().client("sts").meta.endpoint_url == embedded and aws.probe().mode == "live"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(EngineUnavailable, match=r"nothing answers at AWS_ENDPOINT_URL=http://127\.0\.0\.1:1"):
        aws.connect()


@pytest.fixture
def pretended_real(monkeypatch):
    """moto in the place of real AWS: its account is 123456789012; no caretaker waits for the tests' end."""
    session = aws.connect()
    monkeypatch.setattr(aws, "_real_session", lambda: session)
    monkeypatch.setattr(aws, "_remove_at_the_end", lambda _: None)
    return session


def test_real_aws_only_for_the_account_that_the_reader_names(pretended_real, monkeypatch, capsys):
    for value, message in {
        "1": "must be the twelve digits .* got '1'",
        "yes": "twelve digits",
        "999999999999": "says account 999999999999, but your credentials are of account 123456789012. Nothing done",
    }.items():
        monkeypatch.setenv("COMPANION_REAL_AWS", value)
        with pytest.raises(EngineUnavailable, match=message):
            aws.connect()
    assert capsys.readouterr().out == ""
    monkeypatch.setenv("COMPANION_REAL_AWS", checked("COMPANION_REAL_AWS", "123456789012"))
    assert aws.connect() is pretended_real
    assert capsys.readouterr().out.startswith("REAL AWS: account 123456789012, region us-east-1.")
    assert aws.probe().mode == "live" and "billed" in aws.probe().detail
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(EngineUnavailable, match="both set"):
        aws.connect()


def test_clean_up_removes_what_this_run_tagged_and_nothing_else(pretended_real):
    ec2 = pretended_real.client("ec2")

    def template(name: str, tags: dict[str, str]) -> None:
        tagged = [{"ResourceType": "launch-template", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]
        ec2.create_launch_template(
            LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.micro"}, TagSpecifications=tagged
        )

    template("mine", aws.TAGS)
    template("another-run", {**aws.TAGS, "Run": "another"})
    template("the-readers-own", {"Team": "web"})
    assert aws.clean_up(pretended_real) == ["launch template mine"]
    assert aws.clean_up(pretended_real, whole_project=True) == ["launch template another-run"]
    names = [t["LaunchTemplateName"] for t in ec2.describe_launch_templates()["LaunchTemplates"]]
    assert "the-readers-own" in names
    ec2.delete_launch_template(LaunchTemplateName="the-readers-own")


def test_docker_unreachable_says_how_to_get_one(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(EngineUnavailable, match=r"DOCKER_HOST=tcp://127\.0\.0\.1:1.*apt-get install docker\.io"):
        docker.connect()
    assert docker.probe().optional


def test_dask_unreachable_names_the_address(monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:1")
    with pytest.raises(EngineUnavailable, match=r"DASK_SCHEDULER_ADDRESS=tcp://127\.0\.0\.1:1"):
        dask.connect(timeout=2)
    assert dask.probe().mode == "missing"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc's allocator that is told")
def test_a_dask_worker_with_little_memory_gives_back_what_it_frees():
    """One that keeps it stays above 80 % of its limit when all of its results are on disk, and is paused for ever."""

    def kept() -> int:  # bytes that the process still holds of fifty million that it has filled and freed
        import psutil

        before = psutil.Process().memory_info().rss
        filled = [bytes([1]) * 500_000 for _ in range(100)]
        del filled
        return psutil.Process().memory_info().rss - before

    def room(dask_worker) -> float:  # shares of the limit between writing to disk and the pause
        memory = dask_worker.memory_manager
        return memory.memory_pause_fraction - memory.memory_spill_fraction

    with dask.connect(n_workers=1, memory_limit="400MiB") as client:
        assert [number < 20 * 2**20 for number in client.run(kept).values()] == [True]
        assert [share > 0.15 for share in client.run(room).values()] == [True], "a few results more, and it is paused"


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["auto", "0"])
def test_a_memory_limit_may_be_any_that_dask_takes(limit):
    """A share of the machine's by its cores, or none at all."""
    with dask.connect(n_workers=1, memory_limit=limit) as client:
        assert client.submit(sum, [1, 2, 3]).result() == 6


@pytest.mark.slow
def test_dask_is_its_own_client_on_loopback_over_tls():
    from distributed import Client

    with dask.connect(n_workers=2) as client:
        assert type(client) is Client
        assert client.submit(sum, [1, 2, 3]).result() == 6
        workers = client.scheduler_info()["workers"]
        assert len(workers) == 2
        assert all(address.startswith("tls://127.0.0.1:") for address in workers)


# Spark


def test_no_java_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match=r"no Java found on the PATH.*apt-get install default-jre-headless"):
        spark.connect()
    assert spark.probe().mode == "missing"


def test_every_one_of_the_busiest_jars_is_among_sparks_own(monkeypatch, tmp_path):
    """An upgrade that renames one would only make the session slower: it is noticed here."""
    monkeypatch.delenv("SPARK_HOME", raising=False)
    found = java.busiest_jars().split(os.pathsep)
    assert len(found) == len(set(found)) == len(java._BUSIEST) and all(Path(jar).is_file() for jar in found)
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    assert java.busiest_jars() == "", "a Spark of the reader's own without them is as good"


def test_a_java_home_without_java_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(EngineUnavailable, match=f"JAVA_HOME={tmp_path}"):
        spark.require_java()


def test_an_old_java_is_named(monkeypatch, tmp_path):
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert spark.find_java() == (java, 8)
    with pytest.raises(EngineUnavailable, match=r"is Java 8\. Spark needs Java 17"):
        spark.require_java()


@pytest.mark.parametrize(
    ("variable", "address"), [("SPARK_REMOTE", "sc://127.0.0.1:1"), ("SPARK_MASTER", "spark://127.0.0.1:1")]
)
def test_spark_unreachable_names_the_address(monkeypatch, variable, address):
    monkeypatch.setenv(variable, address)
    with pytest.raises(EngineUnavailable, match=f"{variable}={address}"):
        spark.connect()


needs_java = pytest.mark.skipif(
    spark.find_java() is None and os.environ.get("COMPANION_REQUIRE_ENGINES") != "1",
    reason=f"no Java. {spark.GET_JAVA}",
)
SPARK = """
from companion.engines import spark
with spark.connect() as session:
    print(type(session).__module__, session.range(1000).selectExpr("sum(id)").first()[0])
    print(session.sparkContext.parallelize([1, 2, 3]).map(lambda x: x * x).sum(), session.sparkContext.uiWebUrl)
"""


@needs_java
@pytest.mark.slow
def test_spark_is_its_own_session_quiet_and_gone_at_the_end(scratch):
    mark = new_mark()
    done = subprocess.run(
        [sys.executable, "-c", SPARK], capture_output=True, text=True, env={**os.environ, **mark}, timeout=120
    )
    assert done.stdout.splitlines() == ["pyspark.sql.session 499500", "14 None"]
    assert done.stderr == ""
    assert_gone(mark)
    assert list(scratch.iterdir()) == []


INTERRUPTED = """
import os, signal, time
from companion.engines import dask
if __name__ == "__main__":
    with dask.connect() as client:
        waiting = client.submit(time.sleep, 2)
        try:
            os.killpg(0, signal.SIGINT)  # as Jupyter does
            waiting.result()
        except KeyboardInterrupt:
            print(client.submit(sum, [1, 2]).result(timeout=60))
"""


@pytest.mark.slow
def test_a_dask_cluster_survives_the_interrupt_of_a_cell(tmp_path, scratch, no_live_engines):
    (tmp_path / "script.py").write_text(INTERRUPTED)
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=180, start_new_session=True, preexec_fn=interruptible
    )
    assert done.stdout.strip() == "3", done.stderr[-2000:]


KILLED_AGAIN = """
import os, time
from companion.engines import dask

def die():
    os.kill(os.getpid(), 9)

if __name__ == "__main__":
    with dask.connect() as client:
        end, kills = time.monotonic() + 40, 0
        while time.monotonic() < end:  # more than twice the time after which the cluster looks for one that was lost
            client.run(die, workers=[sorted(client.scheduler_info()["workers"])[0]], on_error="ignore")
            kills += 1
            client.wait_for_workers(2, timeout=120)
            time.sleep(1)
        print(kills > 1)
"""


@pytest.mark.slow
def test_a_worker_that_dies_again_and_again_is_started_again_and_again(tmp_path, scratch, no_live_engines):
    (tmp_path / "script.py").write_text(KILLED_AGAIN)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        capture_output=True,
        text=True,
        timeout=400,
        start_new_session=True,
    )
    assert done.stdout.strip() == "True", done.stderr[-2000:]
