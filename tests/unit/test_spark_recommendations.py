"""The shop, the fetched original, Spark's session and its executors, and the notebook on a cluster started by hand."""

import functools
import hashlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import NOTEBOOKS, missing_engines
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import assert_gone, new_mark, until
from watch import watched

from companion import DatasetError, EngineUnavailable, SettingError, WorkspaceError
from companion.book import chapter
from companion.datasets import shop
from companion.engines import spark
from companion.processes.server import free_port


@pytest.fixture(scope="module")
def simulated():
    return shop.simulate(seed=0)


# The shop: what was planted is there.


def test_the_same_seed_gives_the_same_shop():
    first, second, other = (shop.simulate(300, 100, 10_000, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.events, second.events)
    pd.testing.assert_frame_equal(first.products, second.products)
    assert np.array_equal(first.preference, second.preference)
    assert not first.events.equals(other.events)


def test_the_log_is_in_order_and_has_what_it_says(simulated):
    events = simulated.events
    assert len(events) == 300_000 and list(events.columns) == ["time", "customer", "product", "kind", "stars"]
    assert events["time"].is_monotonic_increasing
    assert (events["time"] >= shop.START).all()
    assert (events["time"] < pd.Timestamp(shop.START) + pd.Timedelta(days=shop.DAYS)).all()
    assert set(events["kind"]) == set(shop.KINDS)
    assert events.loc[events["kind"] != "buy", "stars"].isna().all()
    assert set(events["stars"].dropna()) == {1, 2, 3, 4, 5}


def test_customers_choose_as_the_planted_preference_says(simulated):
    """Days on which everything is released: counts by product against their expectation, and by the busiest customer."""
    events, truth = simulated.events, simulated.preference
    assert truth.shape == (4_000, 800)
    np.testing.assert_allclose(truth.sum(axis=1), 1, rtol=1e-5)
    settled = simulated.products["released"].to_numpy() == 0
    old = truth[:, settled] / truth[:, settled].sum(axis=1, keepdims=True)
    found = events[events["product"].map(dict(enumerate(settled)))]
    expected = np.bincount(found["customer"], minlength=4_000) @ old
    observed = np.bincount(found["product"], minlength=800)[settled]
    # an aisle whose top products come late sends their share to the others, so expect a relation, not equality
    assert np.corrcoef(expected, observed)[0, 1] > 0.99
    busiest = events["customer"].mode()[0]
    own = np.bincount(events.loc[events["customer"] == busiest, "product"], minlength=800)
    assert np.corrcoef(truth[busiest], own)[0, 1] > 0.85
    assert np.corrcoef(truth[busiest], own)[0, 1] > np.corrcoef(truth.mean(axis=0), own)[0, 1] + 0.3, (
        "taste is personal"
    )


def test_the_oracle_knows_the_days_and_the_release_dates(simulated):
    released = simulated.products["released"].to_numpy()
    whole, early = shop.expected(simulated, 0, shop.DAYS), shop.expected(simulated, 0, 10)
    np.testing.assert_allclose(whole.sum(axis=1), 1)
    assert (early[:, released >= 10] == 0).all() and (early[:, released == 0] > 0).any(axis=0).all()
    late = released >= 72
    assert late.any() and (simulated.preference[:, late] > 0).any(), "what it would have recommended too early"
    day = (simulated.events["time"] - pd.Timestamp(shop.START)).dt.total_seconds() / 86_400
    found = simulated.events[day >= 72]
    observed = np.bincount(found["product"], minlength=800)
    expected = np.bincount(found["customer"], minlength=4_000) @ shop.expected(simulated, 72, shop.DAYS)
    spread = np.sqrt(expected[expected > 5])
    off = (observed[expected > 5] - expected[expected > 5]) / spread
    assert np.abs(off).mean() < 1, "counts of two and a half weeks, within what chance makes of them"
    naive = np.bincount(found["customer"], minlength=4_000) @ simulated.preference
    assert np.abs(observed - expected).sum() < np.abs(observed - naive).sum()


@pytest.mark.parametrize(
    ("truth", "days", "message"),
    [
        (False, (0, 9), "nobody knows the truth"),
        (True, (9, 9), "below last, got 9 and 9"),
        (True, (-1, 9), "at least 0"),
    ],
)
def test_an_oracle_of_no_days_or_of_no_truth_is_refused(truth, days, message):
    small = shop.simulate(50, 40, 1_000)
    with pytest.raises(SettingError, match=message):
        shop.expected(small if truth else shop.Shop(small.events, small.products, None), *days)


def test_statistics_of_the_log_skip_nothing(tmp_path):
    """What the notebook says of the filter on ``kind``: every block of rows has the least and the greatest one."""
    import pyarrow.parquet as pq

    shop.write_parquet(tmp_path, shop.simulate(3_000, 600, 24_000, 0))
    for path in (tmp_path / "events").iterdir():
        metadata = pq.ParquetFile(path).metadata
        for group in range(metadata.num_row_groups):
            statistics = metadata.row_group(group).column(3).statistics
            assert (statistics.min, statistics.max) == ("buy", "view")


def test_popularity_is_skewed_and_a_sixth_starts_cold(simulated):
    counts = np.sort(np.bincount(simulated.events["product"], minlength=800))[::-1]
    assert counts[:80].sum() > 0.45 * counts.sum()
    assert 0.12 < (simulated.products["released"] > 0).mean() < 0.21
    first = simulated.events.groupby("product")["time"].min()
    day = (first - pd.Timestamp(shop.START)).dt.total_seconds() / 86_400
    assert (day >= simulated.products.set_index("product")["released"][day.index]).all(), "sold before it was released"
    split = simulated.events["time"].quantile(0.8)
    before = set(simulated.events.loc[simulated.events["time"] < split, "customer"])
    assert len(set(simulated.events["customer"]) - before) > 50, "nobody is new after the split"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 100, 10), "customers must be at least 1, got 0"),
        ((10, 19, 10), "products must be at least 20, got 19"),
        ((10, 20, 0), "events must be at least 1, got 0"),
    ],
)
def test_a_shop_too_small_is_named(sizes, message):
    with pytest.raises(SettingError, match=message):
        shop.simulate(*sizes)


def test_what_is_written_reads_back_the_same(tmp_path):
    import pyarrow.parquet as pq

    small = shop.simulate(50, 40, 1_000)
    shop.write_parquet(tmp_path, small, parts=3)
    assert len(list((tmp_path / "events").iterdir())) == 3
    read = pq.read_table(tmp_path / "events").to_pandas()
    pd.testing.assert_frame_equal(read, small.events, check_dtype=False)
    assert pq.read_table(tmp_path / "products").num_rows == 40


def test_a_table_without_its_columns_and_a_full_disk_are_named(tmp_path, monkeypatch):
    small = shop.simulate(50, 40, 100)
    short = shop.Shop(small.events.drop(columns=["kind", "stars"]), small.products, None)
    with pytest.raises(DatasetError, match="missing: kind, stars"):
        shop.write_parquet(tmp_path, short)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(WorkspaceError, match="0 MiB free"):
        shop.write_parquet(tmp_path, small)
    assert list(tmp_path.iterdir()) == []


def test_the_ratings_inside_pyspark(monkeypatch, tmp_path):
    lines = shop.sample_ratings(tmp_path).read_text().splitlines()
    assert len(lines) == 1_501
    users, films, stars, _ = np.array([line.split("::") for line in lines], int).T
    assert (len(set(users)), len(set(films))) == (30, 100) and set(stars) == {1, 2, 3, 4, 5}
    monkeypatch.setattr(shop, "find_spec", lambda _: None)
    with pytest.raises(DatasetError, match="not installed here"):
        shop.sample_ratings(tmp_path)


# The public original, from a server of the test's own.


def archive(path: Path) -> bytes:
    """A file with the shape of ml-100k.zip."""
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("ml-100k/u.data", "196\t242\t3\t881250949\n186\t302\t4\t891717742\n22\t377\t1\t878887116\n")
    return path.read_bytes()


class Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, body, announced, asked, *arguments):
        self.body, self.announced, self.asked = body, announced, asked
        super().__init__(*arguments)

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200)
        if self.announced is not None:
            self.send_header("Content-Length", str(self.announced))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def publish(scratch, monkeypatch):
    """Starts a server for ``body`` in GroupLens's place; ``announced`` is what it says the length is."""
    servers = []

    def start(body: bytes, announced: int | None, asked: list) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, body, announced, asked))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        monkeypatch.setattr(shop, "MOVIELENS_URL", f"http://127.0.0.1:{server.server_port}/ml-100k.zip")

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def kept(scratch) -> list[str]:
    folder = scratch / "downloads"
    return [p.name for p in folder.iterdir()] if folder.is_dir() else []


def test_the_right_file_is_fetched_once(publish, scratch, tmp_path, monkeypatch):
    body, asked = archive(tmp_path / "x.zip"), []
    publish(body, len(body), asked)
    monkeypatch.setattr(shop, "MOVIELENS_HASH", f"sha256:{hashlib.sha256(body).hexdigest()}")
    first, second = shop.fetch_movielens(), shop.fetch_movielens()
    assert asked == ["/ml-100k.zip"], "the second time it is read from the scratch folder"
    assert kept(scratch) == ["ml-100k.zip"]
    pd.testing.assert_frame_equal(first.events, second.events)
    assert first.events[["customer", "product", "stars"]].to_numpy().tolist() == [
        [21, 376, 1],
        [195, 241, 3],
        [185, 301, 4],
    ]
    assert str(first.events["time"][0]) == "1997-11-07 07:18:36" and first.preference is None


def test_a_file_that_is_not_the_pinned_one_is_refused_and_not_kept(publish, scratch, tmp_path):
    body = archive(tmp_path / "x.zip")
    publish(body, len(body), [])
    with pytest.raises(DatasetError, match=r"ml-100k\.zip from http.* is not the pinned file"):
        shop.fetch_movielens()
    assert kept(scratch) == []


@pytest.mark.parametrize(
    ("says_its_length", "message"), [(True, r"ml-100k\.zip can't be fetched"), (False, "is not the pinned file")]
)
def test_a_truncated_file_is_refused_and_not_kept(publish, scratch, tmp_path, monkeypatch, says_its_length, message):
    body = archive(tmp_path / "x.zip")
    monkeypatch.setattr(shop, "MOVIELENS_HASH", f"sha256:{hashlib.sha256(body).hexdigest()}")
    publish(body[: len(body) // 2], len(body) if says_its_length else None, [])
    with pytest.raises(DatasetError, match=message):
        shop.fetch_movielens()
    assert kept(scratch) == []


def test_nobody_answers(scratch, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(shop, "MOVIELENS_URL", f"http://127.0.0.1:{free_port()}/ml-100k.zip")
    with pytest.raises(DatasetError, match="simulated data: the notebook runs on it"):
        shop.fetch_movielens()


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: p.write_bytes(b"no archive"),
        lambda p: zipfile.ZipFile(p, "w").close(),
        lambda p: zipfile.ZipFile(p, "w").writestr("ml-100k/u.data", "a\tb\tc\td\n"),
    ],
)
def test_what_is_no_movielens_archive_is_named(tmp_path, damage):
    damage(tmp_path / "x.zip")
    with pytest.raises(DatasetError, match=r"x\.zip: not the MovieLens 100K archive"):
        shop.read_movielens(tmp_path / "x.zip")


# Spark

needs_spark = pytest.mark.skipif(bool(missing_engines(("spark",))), reason=f"no Java. {spark.GET_JAVA}")
EXECUTORS = """
import psutil
from companion.engines import spark
session = spark.connect(executors=2)
secret = session.sparkContext.getConf().get("spark.authenticate.secret")
seen = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
print(any(secret in line for line in seen))
frame = session.range(1000).repartition(4).persist()
print(frame.count(), len(spark.executors(session)))
there = set(spark.executors(session))
spark.kill_executor(session)
print(frame.count(), len(there - set(spark.executors(session))))
session.stop()
session = spark.connect()
print(spark.plan(session.range(10).groupBy().count()).splitlines()[0])
try:
    spark.executors(session)
except spark.EngineUnavailable as error:
    print(error)
try:
    spark.kill_executor(session)
except spark.EngineUnavailable as error:
    print(error)
print(session.range(7).count(), "rows, still there")
"""


@needs_spark
@pytest.mark.slow
def test_an_executor_can_be_lost_and_nothing_is_left(scratch, tmp_path, no_live_engines):
    """Neither a file of the killed Java outside the scratch folder, nor the secret on a command line; and no heap collected for classes."""
    # where a Java writes that nobody has told another place; a folder of the test's own, for others' Java writes to /tmp too
    untold, collections = tmp_path / "java", tmp_path / "collections"
    untold.mkdir()
    collections.mkdir()
    options = f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} -Djava.io.tmpdir={untold}"
    options = f"{options} -Xlog:gc:file={collections}/%p".strip()
    with watched(scratch) as environment:
        done = subprocess.run(
            [sys.executable, "-c", EXECUTORS],
            capture_output=True,
            text=True,
            env={**os.environ, **environment, "JAVA_TOOL_OPTIONS": options},
            timeout=600,
        )
    assert done.stdout.splitlines()[:4] == ["False", "1000 2", "1000 1", "== Physical Plan =="], done.stderr[-2000:]
    assert "no executor process on this machine. Connect with executors=2" in done.stdout
    assert "no executor of its own to lose" in done.stdout and "7 rows, still there" in done.stdout
    assert list(untold.iterdir()) == []
    said = "".join(log.read_text() for log in collections.iterdir())
    assert "Pause Young" in said and "Metadata GC Threshold" not in said


@needs_spark
@pytest.mark.slow
@pytest.mark.parametrize("executors", [0, 2])
def test_java_dies_with_a_killed_kernel(scratch, no_live_engines, executors):
    mark = new_mark()
    code = (
        f"from companion.engines import spark; s = spark.connect(executors={executors})\n"
        "print(s.range(9).count(), flush=True)\ns.range(10**12).selectExpr('sum(id % 7)').first()"
    )
    kernel = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, **mark})
    assert kernel.stdout.readline() == b"9\n"
    kernel.send_signal(signal.SIGKILL)
    kernel.wait(120)
    kernel.stdout.close()
    assert_gone(mark)


@pytest.fixture
def cluster(tmp_path):
    """Spark's master and a worker as separate processes on loopback; yields the master's address."""
    mark = new_mark()
    home = tmp_path / "home"
    home.mkdir()
    installed = Path(find_spec("pyspark").origin).parent
    for part in ("bin", "sbin", "jars", "python"):
        (home / part).symlink_to(installed / part)
    env = {
        **os.environ,
        **mark,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(tmp_path / "local"),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": f"-XX:-UsePerfData -Djava.io.tmpdir={tmp_path}",
        "JAVA_TOOL_OPTIONS": spark.SHORT_RUN,
    }
    address, running = f"spark://127.0.0.1:{free_port()}", []

    def start(kind: str, *arguments: str) -> Path:
        log = tmp_path / f"{kind}.log"
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{kind.lower()}.{kind}", *arguments]
        with log.open("ab") as output:
            running.append(subprocess.Popen(command, cwd=tmp_path, env=env, stdout=output, stderr=output))
        return log

    try:
        host, _, port = address.removeprefix("spark://").partition(":")
        log = start("Master", "--host", host, "--port", port, "--webui-port", "0")
        assert until(lambda: "I have been elected leader" in log.read_text()), log.read_text()
        options = ["--host", host, "--webui-port", "0", "--cores", "2", "--memory", "2g"]
        log = start("Worker", *options, "--work-dir", str(tmp_path / "work"), address)
        assert until(lambda: "Successfully registered with master" in log.read_text()), log.read_text()
        yield address
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(120)
        assert_gone(mark)


@needs_spark
@pytest.mark.slow
@pytest.mark.drill  # in each run it is on a cluster of containers: tests/engines/test_cluster.py
def test_the_same_cells_give_the_same_outputs_on_a_cluster_started_by_hand(cluster, scratch, tmp_path):
    """nbval, strictly, with nothing changed but the address; cells whose outputs aren't compared (they repeat for the clock) are skipped."""
    notebook = json.loads((NOTEBOOKS / chapter("spark_recommendations").file).read_text(encoding="utf-8"))
    ignored = [cell for cell in notebook["cells"] if "nbval-ignore-output" in cell["metadata"].get("tags", ())]
    for cell in ignored:
        cell["metadata"]["tags"].append("nbval-skip")
    path = tmp_path / "spark_recommendations.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    options = "-q -c pyproject.toml --nbval -p no:cacheprovider -p no:xdist"
    own = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options.split(), str(path)],
        cwd=NOTEBOOKS.parent,
        env={**own, "SPARK_MASTER": cluster, "JAVA_TOOL_OPTIONS": spark.SHORT_RUN},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert f"{len(code) - len(ignored)} passed, {len(ignored)} skipped" in done.stdout


def test_executors_elsewhere_are_said_to_be_elsewhere():
    session = SimpleNamespace(sparkContext=SimpleNamespace(applicationId="app-of-nobody"))
    with pytest.raises(EngineUnavailable, match="no executor process on this machine"):
        spark.executors(session)


def test_the_commands_that_start_a_cluster_are_there():
    """The notebook's own lines, as far as they go on one machine: the programs that they name are in the package."""
    cells = json.loads((NOTEBOOKS / chapter("spark_recommendations").file).read_text(encoding="utf-8"))["cells"]
    block = next(text for cell in cells if "```sh" in (text := "".join(cell["source"]))).split("```")[1]
    lines = [line for line in block.splitlines() if line.startswith(("SPARK=", '"$SPARK'))]
    assert len(lines) == 3
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in lines[1:]:
        command = f"{lines[0]}\ntest -x {line.split()[0]}"
        assert subprocess.run(["sh", "-c", command], env={**os.environ, "PATH": path}).returncode == 0, line


# The reference solutions, held to their statements by properties.


@pytest.fixture(scope="module")
def references():
    names = chapters.references(chapter("spark_recommendations"))
    yield names
    names["spark"].stop()


@needs_spark
@pytest.mark.slow
@settings(deadline=None)
@given(recommended=st.lists(st.integers(0, 30), unique=True), seen=st.sets(st.integers(0, 30)), k=st.integers(0, 12))
def test_reference_first_unseen_is_the_longest_fitting_head(references, recommended, seen, k):
    found = references["first_unseen"](list(recommended), set(seen), k)
    left = [product for product in recommended if product not in seen]
    assert found == left[: len(found)] and len(found) == min(k, len(left))


@needs_spark
@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=30), k=st.integers(1, 9))
def test_reference_best_sellers_are_those_of_a_dictionary(references, rows, k):
    buyers: dict[int, set[int]] = {}
    for customer, product in rows:
        buyers.setdefault(product, set()).add(customer)
    best = sorted(buyers, key=lambda product: (-len(buyers[product]), product))
    expected = {c: [p for p in best if c not in buyers[p]][:k] for c, _ in rows}
    events = references["spark"].createDataFrame(rows, "customer int, product int")
    found = references["best_sellers_for_all"](events, k).collect()
    assert {row["customer"]: row["products"] for row in found} == expected and len(found) == len(expected)


@needs_spark
@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    products=st.integers(1, 20),
    known=st.dictionaries(st.integers(0, 19), st.integers(1, 9), max_size=8),
    k=st.integers(1, 25),
    seed=st.integers(0, 99),
)
def test_reference_recommends_new_products_best_first(references, products, known, k, seed):
    rng = np.random.default_rng(seed)
    history = {product: count for product, count in known.items() if product < products}
    factors, popularity = rng.normal(0, 0.3, (products, 4)), rng.integers(0, 4, products)
    found = references["recommend"](dict(history), factors.copy(), popularity.copy(), k)
    assert len(found) == len(set(found)) == min(k, products - len(history)) and not set(found) & set(history)
    if not history:
        assert found == sorted(range(products), key=lambda p: (-popularity[p], p))[:k]
