"""A reader's own server is a guest house: the real cells of the notebooks run on servers that hold precious things of just the
names that they would like to use, and are compared with a full dump of before. Nothing is touched, nothing is left over.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import boto3
import pytest
from containers import skip_or_fail
from processes import until
from psycopg import Error as DatabaseError
from psycopg.sql import SQL, Identifier

from companion import EngineUnavailable, checkout, this_run
from companion.engines import docker as docker_engine
from companion.engines import guest
from companion.engines import postgres as postgres_engine
from companion.engines import redis as redis_engine
from companion.processes import server as _server

pytestmark = pytest.mark.slow
CELLS = checkout.folder("tests/support") / "guest_cells.py"


def cells(variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    """Run cells of a notebook in a process of their own, with the variables that lead to the reader's server."""
    return subprocess.run(
        [sys.executable, str(CELLS), *arguments], env={**os.environ, **variables}, capture_output=True, text=True
    )


def ran(done: subprocess.CompletedProcess) -> str:
    """Its output, when it ran to the end."""
    assert "ran to the end" in done.stdout, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


#: code that makes something as a notebook does, and says so; what then happens to it is the test's
MAKE = """
import os, signal, sys
from companion import this_run
from companion.engines import guest, postgres, redis
from companion.processes import caretaker
if "DATABASE_URL" in os.environ:
    c = postgres.connect(autocommit=True)
    print(guest.schema(c, "metering", roles=["auditor"]))
    c.execute(f"CREATE TABLE t (x integer); CREATE ROLE {this_run.name('auditor')}; GRANT SELECT ON t TO {this_run.name('auditor')}")
if "REDIS_URL" in os.environ:
    r = redis.connect()
    r.mset({guest.prefix(r, "lab") + str(n): n for n in range(2500)})
print("made", flush=True)
"""
ENDINGS = {
    "at its end": "",
    "by an error": "raise SystemExit(1)",
    "by an interrupt": "signal.raise_signal(signal.SIGINT)",
    "by SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
}
WITH_ITS_CARETAKER = "os.kill(caretaker._helper.pid, signal.SIGKILL); os.kill(os.getpid(), signal.SIGKILL)"


def make(variables: dict[str, str], ending: str) -> str:
    # where SIGINT is ignored by whoever started pytest, the child would inherit that
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + MAKE + ending
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True)
    assert "made" in done.stdout, done.stderr
    return done.stdout


# PostgreSQL


PRECIOUS_ROLES = ("nurse", "desk", "auditor", "service", "records_owner", "catalogue")
PRECIOUS = """
CREATE SCHEMA {schema};
CREATE TABLE {schema}.patients (id integer PRIMARY KEY, said text);
CREATE TABLE {schema}.readings (id integer, said text);
CREATE TABLE {schema}.products (id integer, said text);
INSERT INTO {schema}.patients VALUES (1, 'precious');
INSERT INTO {schema}.readings VALUES (2, 'precious');
CREATE FUNCTION {schema}.note() RETURNS integer LANGUAGE sql AS 'SELECT 1';
GRANT USAGE ON SCHEMA {schema} TO auditor;
"""
#: the notebooks' own names again, in schemas that every session searches by the database's setting
ON_EVERY_PATH = """
ALTER DATABASE postgres SET search_path = metering, records, public;
ALTER DATABASE postgres SET datestyle = 'SQL, DMY';
ALTER DATABASE postgres SET timezone = 'America/St_Johns';
CREATE FUNCTION metering.ensure_months(parent regclass, first date, months integer) RETURNS integer LANGUAGE sql AS 'SELECT 4711';
"""
OF_THE_READER = ("plain", "readings_default", "readings_2025_01", "readings_2026_05", "incidents", "receipts", "by_region", "by_meter",
                 "by_both", "in_order", "shuffled", "many", "expected", "visits")  # fmt: skip


def becomes(dump, before) -> bool:
    """Whether what a dump finds becomes what it was; of what goes while the dump looks at it, it is not yet."""

    def same() -> bool:
        try:
            return dump() == before
        except (DatabaseError, FileNotFoundError):
            return False

    return until(same, 60)


@pytest.fixture
def readers_database(scratch, no_live_engines):
    """A PostgreSQL of "the reader's", full of things of the names in question; its owner's connection and its address."""
    with postgres_engine.connect(autocommit=True) as owner:
        for role in PRECIOUS_ROLES:
            owner.execute(SQL("CREATE ROLE {} LOGIN").format(Identifier(role)))
        for schema in ("records", "metering", "lab", "catalogue"):
            owner.execute(SQL(PRECIOUS).format(schema=Identifier(schema)))
        owner.execute(ON_EVERY_PATH)
        for place in ((schema, name) for schema in ("metering", "public") for name in OF_THE_READER):
            owner.execute(SQL("CREATE TABLE {table} AS SELECT 'precious' AS said").format(table=Identifier(*place)))
        info = owner.info
        yield owner, f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"


def database_dump(owner) -> dict:
    """Everything that there is on a server, with the numbers that tell a thing from one made anew under its name."""
    catalogues = {
        "schemas": "SELECT oid, nspname, nspacl::text, obj_description(oid) FROM pg_namespace WHERE nspname !~ '^pg_temp|^pg_toast_temp'",
        "relations": "SELECT oid, relname, relfilenode FROM pg_class WHERE oid >= 16384",
        "functions": "SELECT oid, proname, prosrc FROM pg_proc WHERE oid >= 16384",
        "roles": "SELECT oid, rolname, rolpassword, rolsuper, rolcanlogin FROM pg_authid",
        "members": "SELECT roleid, member FROM pg_auth_members",
        "settings": "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting",
        "databases": "SELECT oid, datname, datacl::text FROM pg_database",
        "extensions": "SELECT extname FROM pg_extension",
    }
    found = {name: sorted(map(str, owner.execute(query).fetchall())) for name, query in catalogues.items()}
    for (table,) in owner.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE oid >= 16384 AND relkind = 'r'"
    ).fetchall():
        found[table] = owner.execute(f"TABLE {table}").fetchall()
    return found


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (
            (
                "encryption_access_control",
                "encryption-b-004..encryption-b-015,encryption-b-019..encryption-b-037,"
                "encryption-b-043..encryption-b-045,encryption-b-049..encryption-b-050,encryption-b-058",
            ),
            "switches security off          refused",
        ),
        (
            (
                "sql_partitioning",
                "sql-partitio-004..sql-partitio-b04,sql-partitio-042,sql-partitio-052..sql-partitio-073,"
                "sql-partitio-087..sql-partitio-090,sql-partitio-103",
                "5_000_000=20_000",
                "< 0.005=< 0.5",
            ),
            "created 12 partitions, then 0",
        ),
    ],
    ids=["encryption_access_control", "sql_partitioning"],
)
def test_the_notebooks_cells_leave_a_readers_database_as_it_was(readers_database, arguments, printed):
    owner, url = readers_database
    before = database_dump(owner)
    assert printed in ran(cells({"DATABASE_URL": url}, *arguments))
    assert database_dump(owner) == before


#: before the cell that detaches February: a real autovacuum is busy with it, and would be for long
VACUUMED = """
connection.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
connection.execute("SELECT pg_reload_conf()")
slowly = "autovacuum_vacuum_threshold = 1, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"
connection.execute(f"ALTER TABLE readings_2025_02 SET ({slowly})")
connection.execute("UPDATE readings_2025_02 SET watt_hours = watt_hours")
at_work = "SELECT pid FROM pg_stat_progress_vacuum WHERE relid = 'readings_2025_02'::regclass"
wait.until(lambda: connection.execute(at_work).fetchone(), 60, "no autovacuum came")
was, outcome = outcome, lambda *asked: print("at work:", connection.execute(at_work).rowcount) or was(*asked)
"""


def test_an_autovacuum_in_the_way_is_not_taken_for_one_of_the_scene(readers_database):
    """A reader's server cleans up when it likes, and stands before the job for a moment; then the job still waits for the report."""
    _, url = readers_database
    said = ran(
        cells(
            {"DATABASE_URL": url},
            "sql_partitioning",
            "sql-partitio-004..sql-partitio-b04,sql-partitio-042,sql-partitio-060..sql-partitio-073",
            "5_000_000=200_000",
            "< 0.005=< 0.5",
            *("--before", f"sql-partitio-073:{VACUUMED}"),
        )
    )
    assert re.search(r"at work: 1\s+the job waits for the report\s+at work: 0\s+a new reader is done", said), said


def test_what_goes_while_it_is_looked_at_is_not_an_error(readers_database):
    """A caretaker removes tables between the list of them and the look at each."""
    dumps = iter([lambda: readers_database[0].execute("TABLE gone"), lambda: Path("/gone").read_bytes(), lambda: 1])
    assert becomes(lambda: next(dumps)(), 1)


def test_the_old_cells_would_have_been_noticed(readers_database):
    """Prove by breaking: what stood there before drops a reader's schema and roles."""
    owner, url = readers_database
    before = database_dump(owner)
    old = 'connection.execute("DROP SCHEMA IF EXISTS metering CASCADE; CREATE SCHEMA metering")'
    cells(
        {"DATABASE_URL": url},
        "sql_partitioning",
        "sql-partitio-009,sql-partitio-087",
        f'schema = guest.schema(connection, "metering")={old}'.replace("schema = ", "", 1),
        *("--before", "sql-partitio-009:ROWS = 1000", "--then", "kill"),
    )
    assert database_dump(owner) != before


@pytest.mark.parametrize("ending", ENDINGS)
def test_whatever_ends_it_a_run_leaves_nothing_in_the_database(readers_database, ending):
    owner, url = readers_database
    before = database_dump(owner)
    make({"DATABASE_URL": url}, ENDINGS[ending])
    assert becomes(lambda: database_dump(owner), before)


def test_a_run_that_is_killed_in_the_middle_of_a_statement_holds_nothing_up(readers_database):
    """Its session sleeps on with a lock, because a server notices a lost client only when it speaks to it."""
    owner, url = readers_database
    before = database_dump(owner)
    asleep = (
        "import threading, time; threading.Thread(target=c.execute, args=('LOCK TABLE t; SELECT pg_sleep(600)',), daemon=True)"
        ".start()\nwhile not postgres.connect().execute(\"SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'\").fetchone():"
        " time.sleep(0.05)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    make({"DATABASE_URL": url}, asleep)
    assert becomes(lambda: database_dump(owner), before)


def test_the_next_run_removes_what_was_left_with_its_mark_and_nothing_else(readers_database):
    owner, url = readers_database
    mark = {**this_run.mark(), "place": "another machine", "pid": 1, "roles": ["auditor"]}
    owner.execute(
        SQL("CREATE SCHEMA elsewhere; COMMENT ON SCHEMA elsewhere IS {}").format(guest._SAYS + json.dumps(mark))
    )
    before = database_dump(owner)
    make({"DATABASE_URL": url}, WITH_ITS_CARETAKER)
    assert database_dump(owner) != before, "nobody was there to remove it"
    make({"DATABASE_URL": url}, "")
    assert database_dump(owner) == before, "of this machine, with a mark, and its process gone; another machine's stays"


@pytest.mark.parametrize(
    ("rights", "wanted", "message"),
    [
        ("", {}, "GRANT CREATE ON DATABASE postgres TO guest"),
        ("CREATEROLE", {"superuser": True}, r"needs a superuser, and guest is none.*ALTER ROLE guest SUPERUSER"),
        ("", {"roles": ["auditor"]}, "guest may not make roles: ALTER ROLE guest CREATEROLE"),
        ("SUPERUSER", {"version": 99}, r"needs PostgreSQL 99 or newer, the server is \d+"),
    ],
)
def test_a_user_who_may_not_is_told_what_is_needed_and_nothing_is_half_made(
    readers_database, rights, wanted, message, monkeypatch
):
    owner, url = readers_database
    owner.execute(f"CREATE ROLE guest LOGIN PASSWORD 'guest' {rights}")
    before = database_dump(owner)
    place = url.rpartition("@")[2]
    monkeypatch.setenv("DATABASE_URL", f"postgresql://guest:guest@{place}")
    with (
        postgres_engine.connect(autocommit=True) as connection,
        pytest.raises(EngineUnavailable, match=message) as told,
    ):
        guest.schema(connection, "records", **wanted)
    assert "Nothing was made." in str(told.value)
    assert database_dump(owner) == before


def test_a_name_that_exists_is_refused(readers_database, monkeypatch):
    owner, url = readers_database
    monkeypatch.setenv("DATABASE_URL", url)
    owner.execute(f"CREATE SCHEMA {this_run.name('records')}; CREATE ROLE {this_run.name('auditor')}")
    before = database_dump(owner)
    with postgres_engine.connect(autocommit=True) as connection:
        with pytest.raises(EngineUnavailable, match=f"the schema {this_run.name('records')} can't be made: .*exists"):
            guest.schema(connection, "records")
        with pytest.raises(EngineUnavailable, match=f"the role {this_run.name('auditor')} exists already"):
            guest.schema(connection, "another", roles=["auditor"])
    assert database_dump(owner) == before


def test_on_an_embedded_server_no_caretaker_waits(scratch, no_live_engines):
    code = (
        "from companion.engines import guest, postgres, redis\nfrom companion.processes import caretaker\n"
        "c = postgres.connect(autocommit=True); guest.schema(c, 'x'); guest.prefix(redis.connect(), 'x')\n"
        "print(caretaker._helper)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "None\n"


# Redis


@pytest.fixture
def readers_store(scratch, no_live_engines):
    """A Redis of "the reader's", with keys of the names in question; a client and its address."""
    with redis_engine.connect(settings={"maxmemory": "200mb"}) as client:
        for begin in (
            "companion:redis_caching:",
            "companion:redis_caching_lab:",
            "companion:redis_memory:",
            "features:",
            "entry:",
            "greeting",
        ):
            client.set(f"{begin}alike:v1:{{678}}", "precious")
        client.set("greeting", "precious")
        client.hset("features:taste:7", mapping={"3": 1})
        kept = client.get_connection_kwargs()
        yield client, f"redis://:{kept['password']}@{kept['host']}:{kept['port']}/0"


def store_dump(client) -> dict:
    """Every key with its bytes and its time to live, and the server's settings."""
    keys = {key: (client.dump(key), client.ttl(key)) for key in client.scan_iter(count=1000)}
    return keys | {"settings": client.config_get("*"), "users": client.acl_list()}


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (
            (
                *(
                    "redis_caching",
                    "redis-cachin-006..redis-cachin-025,redis-cachin-050..redis-cachin-207,"
                    "redis-cachin-166..redis-cachin-168,redis-cachin-181",
                ),
                *("--before", "redis-cachin-055:from companion import measure; from companion.measure import load"),
                *("--before", "redis-cachin-166:import io; impatient = doomed = io.BytesIO(); restarted = []"),
            ),
            "by token, the slow one removes: 0 · the holder: 1",
        ),
        (
            (
                "redis_memory",
                "redis-memory-004,redis-memory-007..redis-memory-011,redis-memory-015,redis-memory-019,"
                "redis-memory-025,redis-memory-049..redis-memory-051,redis-memory-064",
                "--before",
                "redis-memory-025:import math",
            ),
            "the same 200 entries, three ways",
        ),
        (("start_here", "dbfb2f6a"), "hello from a real server"),
    ],
    ids=["redis_caching", "redis_memory", "start_here"],
)
def test_the_notebooks_cells_leave_a_readers_store_as_it_was(readers_store, arguments, printed):
    client, url = readers_store
    before = store_dump(client)
    assert printed in ran(cells({"REDIS_URL": url}, *arguments))
    assert store_dump(client) == before


@pytest.mark.parametrize("ending", ENDINGS)
def test_whatever_ends_it_a_run_leaves_nothing_in_the_store(readers_store, ending):
    client, url = readers_store
    before = store_dump(client)
    make({"REDIS_URL": url}, ENDINGS[ending])
    assert becomes(lambda: store_dump(client), before)


def test_the_next_run_removes_the_keys_that_were_left_and_no_others(readers_store):
    client, url = readers_store
    gone = {**this_run.mark(), "pid": 999_999_999}
    # marks that name others' keys are nobody's
    for begin in ("features:", "companion:redis_caching:", f"features:{gone['companion']}:", "*"):
        client.hset(guest._RUNS, begin, json.dumps(gone))
    before = store_dump(client)
    make({"REDIS_URL": url}, WITH_ITS_CARETAKER)
    assert len(store_dump(client)) > len(before) + 2000
    make({"REDIS_URL": url}, "")
    assert store_dump(client) == before


def test_a_user_with_few_rights_is_told(readers_store, monkeypatch):
    client, url = readers_store
    client.acl_setuser("ada", enabled=True, passwords=["+ada"], keys=["app:*"], categories=["+@all"])
    before = store_dump(client)
    monkeypatch.setenv(
        "REDIS_URL", url.replace("redis://:", "redis://ada:").replace(url.split(":")[2].split("@")[0], "ada")
    )
    with (
        redis_engine.connect() as limited,
        pytest.raises(
            EngineUnavailable, match=r"may not work with keys that begin with 'companion:'.*Nothing was made"
        ),
    ):
        guest.prefix(limited, "redis_caching")
    assert store_dump(client) == before


# AWS


@pytest.fixture(scope="module")
def readers_account(tmp_path_factory):
    """A stand-in for AWS of "the reader's", in a process of its own, with stacks, groups and templates of the project's words."""
    port = _server.free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = _server.Server(command, log=tmp_path_factory.mktemp("moto") / "log")
    url = f"http://127.0.0.1:{port}"
    try:
        server.wait_until(lambda: _server.answers(url, 0), "moto", timeout=120)
        session = boto3.Session("x", "x", region_name="us-east-1")
        ec2 = session.client("ec2", endpoint_url=url)
        names = {"scalable-ai": "another", "web": "4711-0a1b2c3d", "companion": ""}
        for name, run in names.items():
            tags = [{"Key": "Project", "Value": "scalable-ai-companion"}] + (
                [{"Key": "Run", "Value": run}] if run else []
            )
            ec2.create_launch_template(
                LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.micro"},
                TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags}],
            )  # fmt: skip
            session.client("autoscaling", endpoint_url=url).create_auto_scaling_group(
                AutoScalingGroupName=name, MinSize=0, MaxSize=1, AvailabilityZones=["us-east-1a"],
                LaunchTemplate={"LaunchTemplateName": name}, Tags=[{**tag, "PropagateAtLaunch": True} for tag in tags],
            )  # fmt: skip
            body = {"Resources": {"Alarms": {"Type": "AWS::SNS::Topic"}}}
            session.client("cloudformation", endpoint_url=url).create_stack(
                StackName=name, TemplateBody=json.dumps(body), Tags=tags
            )
        yield session, url
    finally:
        server.stop()


def account_dump(session, url: str) -> dict:
    """What there is in an account of the kinds that the notebooks make.

    moto keeps policies, scheduled actions and instances of a group that was deleted, and a deleted stack's target group. AWS
    does not, and nobody could delete them by name any more: they count while their group or stack is there.
    """
    asked = {
        ("cloudformation", "describe_stacks"): "Stacks",
        ("autoscaling", "describe_auto_scaling_groups"): "AutoScalingGroups",
        ("autoscaling", "describe_policies"): "ScalingPolicies",
        ("autoscaling", "describe_scheduled_actions"): "ScheduledUpdateGroupActions",
        ("ec2", "describe_launch_templates"): "LaunchTemplates",
        ("ec2", "describe_security_groups"): "SecurityGroups",
        ("elbv2", "describe_load_balancers"): "LoadBalancers",
        ("cloudwatch", "describe_alarms"): "MetricAlarms",
        ("iam", "list_roles"): "Roles",
        ("iam", "list_instance_profiles"): "InstanceProfiles",
        ("logs", "describe_log_groups"): "logGroups",
        ("sns", "list_topics"): "Topics",
    }
    items = {
        key: getattr(session.client(service, endpoint_url=url), operation)()[key]
        for (service, operation), key in asked.items()
    }
    groups = {group["AutoScalingGroupName"] for group in items["AutoScalingGroups"]}
    return {
        key: sorted(
            json.dumps(item, default=str, sort_keys=True)
            for item in found
            if item.get("AutoScalingGroupName", next(iter(groups))) in groups
        )
        for key, found in items.items()
    }


@pytest.mark.parametrize("ending", ["end", "kill"])
@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("boto3_autoscaling", "03116036..55d77916"),
        ("cloudformation_autoscaling", "8e80d5fe..cdbd0d6a,8ebf311b..4e6a8cdb"),
    ],
    ids=["boto3_autoscaling", "cloudformation_autoscaling"],
)
def test_a_run_that_ends_early_leaves_a_readers_account_as_it_was(
    readers_account, scratch, no_live_engines, name, chosen, ending
):
    """The cells that make a group, a stack; none of those that clean up."""
    session, url = readers_account
    before = account_dump(session, url)
    ran(cells({"AWS_ENDPOINT_URL": url}, name, chosen, "--then", ending))
    becomes(lambda: account_dump(session, url), before)
    assert account_dump(session, url) == before, "what is there that was not, or the other way round"


# Prometheus' file targets


@pytest.fixture
def readers_targets(tmp_path):
    """A folder that a server watches, with files of the reader's that look much like a notebook's."""
    folder = tmp_path / "targets"
    folder.mkdir()
    (folder / "companion-2024-1.json").write_text('[{"targets": ["precious:9100"]}]')
    (folder / "companion-999999-1.json").write_text("[]")
    mark = json.dumps({**this_run.mark(), "place": "another machine", "pid": 1})
    theirs = [{"targets": ["theirs:1"], "labels": {"__meta_companion": mark}}]
    (folder / "companion-1-0a1b2c3d-1.json").write_text(json.dumps(theirs))
    gone = json.dumps({**this_run.mark(), "pid": 999_999_999})
    both = [{"targets": ["a:1"], "labels": {"__meta_companion": gone}}, {"targets": ["precious:1"]}]
    (folder / "companion-3-3.json").write_text(json.dumps(both))  # the reader has added a line to it
    (folder / "broken.json").write_text("{")
    return folder


def folder_dump(folder: Path) -> dict:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


TARGETS = """
import os, signal
from pathlib import Path
from companion.engines import guest
from companion.processes import caretaker
withdraw = guest.targets(Path(os.environ["PROMETHEUS_FILE_SD"]), [{"targets": ["127.0.0.1:1"], "labels": {"job": "x"}}])
print("made", len(list(Path(os.environ["PROMETHEUS_FILE_SD"]).glob("companion-*.json"))), flush=True)
"""


@pytest.mark.parametrize("ending", [*ENDINGS, "withdrawn"])
def test_a_readers_files_of_targets_stay_as_they_were(readers_targets, ending):
    before = folder_dump(readers_targets)
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + TARGETS
    code += {**ENDINGS, "withdrawn": "withdraw(); withdraw()"}[ending]
    environment = {**os.environ, "PROMETHEUS_FILE_SD": str(readers_targets)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout == "made 5\n", done.stderr
    assert becomes(lambda: folder_dump(readers_targets), before)


def test_the_next_run_removes_the_file_of_a_killed_one(readers_targets):
    before = folder_dump(readers_targets)
    environment = {**os.environ, "PROMETHEUS_FILE_SD": str(readers_targets)}
    for ending, left in ((WITH_ITS_CARETAKER, 1), ("", 0)):
        subprocess.run([sys.executable, "-c", TARGETS + ending], env=environment, capture_output=True)
        assert becomes(lambda: len(list(readers_targets.iterdir())), len(before) + left)
    assert folder_dump(readers_targets) == before


def test_a_file_of_that_name_is_refused(readers_targets, monkeypatch):
    monkeypatch.setattr(guest, "_numbers", iter([7]))
    mine = readers_targets / f"companion-{this_run.TAG}-7.json"
    mine.write_text("precious")
    before = folder_dump(readers_targets)
    with pytest.raises(EngineUnavailable, match="exists already, and is not this run's to replace"):
        guest.targets(readers_targets, [{"targets": ["a:1"]}])
    assert folder_dump(readers_targets) == before


# Docker


THEIRS = f"companion-guest-{this_run.TAG}"
BASE = f"{THEIRS}:base"
#: what is the reader's carries this label
WITH_THEIR_LABEL = {"label": f"theirs={THEIRS}"}


@pytest.fixture
def docker_client():
    try:
        client = docker_engine.connect()
    except EngineUnavailable as missing:
        skip_or_fail(str(missing))
    yield client
    client.close()


@pytest.fixture
def readers_engine(docker_client, tmp_path):
    """What "the reader" has on the engine: a base, an image of it built without a tag, a network, a volume, and two containers,
    of which one is another kernel's, with the label of that session.
    """
    with tarfile.open(tmp_path / "root.tar", "w") as archive:
        archive.add(Path(__file__), "file")
    docker_client.api.import_image(str(tmp_path / "root.tar"), repository=THEIRS, tag="base")
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Dockerfile").write_text(f"FROM {BASE}\nENV A=1\nENV B=2\n")
    mine = {"labels": {"theirs": THEIRS}}
    untagged, _ = docker_client.images.build(path=str(tmp_path / "context"), rm=True, forcerm=True)
    docker_client.containers.create(BASE, ["/file"], name="model_server-" + THEIRS, **mine)
    another = {**mine["labels"], docker_engine.SESSION: f"another-{this_run.TAG}"}
    docker_client.containers.create(BASE, ["/file"], labels=another)
    docker_client.networks.create("companion-" + THEIRS, **mine)
    docker_client.volumes.create("companion-" + THEIRS, **mine)
    yield docker_client, tmp_path / "context", untagged.id, mine
    for container in docker_client.containers.list(all=True, filters=WITH_THEIR_LABEL):
        container.remove(force=True)
    for thing in (
        *docker_client.networks.list(filters=WITH_THEIR_LABEL),
        *docker_client.volumes.list(filters=WITH_THEIR_LABEL),
    ):
        thing.remove()
    for image in (untagged.id, BASE):
        with contextlib.suppress(Exception):
            docker_client.images.remove(image, force=True)


def readers_things(client) -> set[str]:
    """Ids of what ``readers_engine`` made, images with their layers. Other workers' sessions share the engine: theirs come and go."""
    things = [*client.containers.list(all=True, filters=WITH_THEIR_LABEL, ignore_removed=True)]
    things += client.networks.list(filters=WITH_THEIR_LABEL) + client.volumes.list(filters=WITH_THEIR_LABEL)
    beneath = {image["Id"]: image["ParentId"] for image in client.api.images(all=True)}
    own = {client.images.get(BASE).id}
    while more := {image for image, parent in beneath.items() if parent in own} - own:
        own |= more
    return {thing.id for thing in things} | own


BUILD = """
import os, signal, sys
from companion.engines import docker
client, labels = docker.connect(), docker.labels()
options = {"path": sys.argv[1], "labels": labels, "rm": True, "forcerm": True}
image, _ = client.images.build(**options)
layer, _ = client.images.build(dockerfile="More", **options)
client.containers.create(image, ["/file"], labels=labels)
print(labels[docker.SESSION], image.id, layer.id, layer.attrs["Parent"], flush=True)
"""


@pytest.mark.parametrize("ending", ["at its end", "by SIGKILL"])
def test_a_session_takes_away_what_it_made_and_nobody_elses(readers_engine, ending):
    """It builds the Dockerfile that the reader has built without a tag, whose image is then a nameless layer beneath ours."""
    client, context, untagged, _ = readers_engine
    (context / "More").write_text((context / "Dockerfile").read_text() + "ENV C=3\n")
    before = readers_things(client)
    assert untagged in before and len(before) == 7, (
        "two images, the layer between them, two containers, a network, a volume"
    )
    done = subprocess.run(
        [sys.executable, "-c", BUILD + ENDINGS[ending], str(context)], capture_output=True, text=True, timeout=300
    )
    session, *made = done.stdout.split()
    assert len(made) == 3, done.stderr

    def tidy() -> bool:
        there = {image["Id"] for image in client.api.images(all=True)}
        return not set(made) & there and not client.containers.list(
            all=True, filters={"label": f"{docker_engine.SESSION}={session}"}
        )

    assert until(tidy, 60), "images, layers and containers of the session are gone"
    assert readers_things(client) == before, "the other kernel's container, and what the engine itself would prune"


def test_a_compose_project_of_somebody_else_is_neither_changed_nor_removed(readers_engine, monkeypatch):
    """Its name is the one that we would take: without our passwords, or from another folder, it is not ours."""
    client, *_, mine = readers_engine
    project = f"guest-{this_run.TAG}"
    theirs = {"labels": {**mine["labels"], "com.docker.compose.project": project}}
    volume = client.volumes.create(f"{project}_data", **theirs)
    script, kept = checkout.folder("scripts") / "cluster.sh", checkout.folder() / ".cache" / f"{project}.env"
    environment = {**os.environ, "COMPOSE_PROJECT_NAME": project}
    before = readers_things(client)
    for command in ("up", "down"):
        done = subprocess.run([script, command], env=environment, capture_output=True, text=True)
        assert (
            done.returncode == 1
            and f"there is a compose project {project} that was not started from here" in done.stderr
        )
    theirs["labels"]["com.docker.compose.project.working_dir"] = "/elsewhere"
    container = client.containers.create(BASE, ["/file"], **theirs)
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("REDIS_PASSWORD=x\n")  # as after a cluster of ours with that name
    try:
        done = subprocess.run([script, "down"], env=environment, capture_output=True, text=True)
        assert done.returncode == 1 and "was not started from here" in done.stderr and kept.is_file()
    finally:
        kept.unlink()
    container.reload()
    volume.reload()
    assert readers_things(client) >= before


def test_a_release_does_not_take_the_place_of_somebody_elses(readers_engine):
    client, *_, mine = readers_engine
    labels = {"com.docker.compose.project": "companion-staging", "com.docker.compose.project.working_dir": "/elsewhere"}
    container = client.containers.create(BASE, ["/file"], labels={**mine["labels"], **labels})
    environment = {**os.environ, "TARGET": "docker"}
    script = [sys.executable, str(checkout.folder("scripts") / "deploy.py"), "down"]
    done = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert done.returncode == 3 and "companion-staging was not started from here" in done.stderr
    container.reload()


# Dask


def test_no_worker_is_killed_on_a_cluster_that_somebody_else_uses(scratch, no_live_engines):
    from distributed import Client

    from companion.engines import dask as dask_engine

    with dask_engine.connect(n_workers=1) as client:
        guest.alone(client)
        with Client(client.scheduler.address, security=client.security, set_as_default=False):
            with pytest.raises(EngineUnavailable, match=r"1 other client\(s\) use this Dask cluster"):
                guest.alone(client)
        assert until(lambda: not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.clients) > 2))
        guest.alone(client)
