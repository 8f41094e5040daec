"""The payments, the features that must not look ahead, and the stream that is killed at random moments."""

import ast
import contextlib
import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import types
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import NOTEBOOKS
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import assert_gone, marked, new_mark, until

from companion import DatasetError, SettingError, book
from companion.datasets import fraud
from companion.labs.adaptive import payments

NOTEBOOK = NOTEBOOKS / "03-adaptive-learning" / "sklearn_fraud.ipynb"


@pytest.fixture(scope="module")
def table():
    return fraud.stream(60_000, seed=3)


# The data: what was planted is there.


def test_the_same_seed_gives_the_same_bytes(table):
    assert fraud.stream(60_000, seed=3).to_csv() == table.to_csv()
    assert not fraud.stream(60_000, seed=4)["amount"].equals(table["amount"])


def test_two_in_a_thousand_are_fraud_and_time_only_goes_forward(table):
    assert len(table) == 60_000 and table["fraud"].sum() == 120
    assert tuple(table.columns) == fraud.COLUMNS
    assert table["time"].is_monotonic_increasing and table["time"].between(0, 24 * fraud.DAYS, inclusive="left").all()
    assert (table["day"] == table["time"] // 24).all()
    assert (table["amount"] > 0).all() and not table.isna().any().any()
    assert ((table["tactic"] > 0) == (table["fraud"] == 1)).all()
    assert (table.loc[table["online"] == 1, "distance"] == 0).all()


def test_labels_come_after_the_payment_and_within_the_delay(table):
    wait = table["label_day"] - table["day"]
    assert (wait[table["fraud"] == 0] == fraud.LABEL_DELAY).all()
    assert wait[table["fraud"] == 1].between(1, fraud.LABEL_DELAY).all()


@pytest.mark.parametrize("scenario", fraud.SCENARIOS)
def test_the_drifts_of_a_scenario_are_planted_where_it_says(scenario):
    payments = fraud.stream(600_000, scenario)
    frauds = payments[payments["fraud"] == 1]
    for first, last in ((0, 45), (66, 90), (91, 120)):
        period = frauds[frauds["day"].between(first, last - 1)]
        found = np.bincount(period["tactic"], minlength=4)[1:] / len(period)
        planted = fraud.tactic_shares(np.arange(first, last), scenario).mean(axis=0)
        bursts = len(period) / 3  # the tactic is drawn for a burst, of three frauds in the mean
        assert np.abs(found - planted).max() < 4 * np.sqrt(0.25 / bursts)
    genuine = payments[payments["fraud"] == 0]
    early, late = (genuine.loc[rows, "online"].mean() for rows in (genuine["day"] < 45, genuine["day"] >= 65))
    assert (late > early + 0.05) == (scenario in ("gradual", "both"))


def test_scenarios_are_the_same_until_they_drift():
    tables = [fraud.stream(60_000, scenario) for scenario in fraud.SCENARIOS]
    for other in tables[1:]:
        first = fraud.GRADUAL[0]
        pd.testing.assert_frame_equal(other[other["day"] < first], tables[0][tables[0]["day"] < first])


def test_cards_have_habits_and_fraud_breaks_them(table):
    genuine = table[table["fraud"] == 0]
    shops = genuine[genuine["online"] == 0]
    assert shops["distance"].median() < 10 < 30 < table.loc[table["tactic"] == fraud.SKIMMING, "distance"].median()
    spread_within = np.log(genuine["amount"]).groupby(genuine["card"]).std().mean()
    assert spread_within < np.log(genuine["amount"]).std()
    assert table.loc[table["tactic"] == fraud.TESTING, "amount"].median() < genuine["amount"].median() / 4
    assert (table.loc[table["tactic"] == fraud.TAKEOVER, "online"] == 1).all()


def test_wrong_calls_and_tables_are_named(table):
    with pytest.raises(SettingError, match="no scenario 'quiet'; there are: stationary, gradual, sudden, both"):
        fraud.stream(scenario="quiet")
    with pytest.raises(SettingError, match="at least 10,000, got 9"):
        fraud.stream(9)
    with pytest.raises(DatasetError, match="missing: card, amount"):
        fraud.features(table.drop(columns=["card", "amount"]))
    assert fraud.require_columns(table) is table


def test_features_of_the_past_do_not_change_when_the_future_comes(table):
    every = fraud.features(table)
    assert every.shape == (60_000, len(fraud.FEATURES)) and every.dtype == np.float32 and np.isfinite(every).all()
    for stop in (1, 500, 12_345, 59_999):
        assert np.array_equal(fraud.features(table[:stop]), every[:stop])


def test_features_of_a_card_agree_with_a_plain_loop(table):
    found = fraud.history(table)
    for card in (7, 99, int(table.loc[table["fraud"].idxmax(), "card"])):
        rows = table[table["card"] == card]
        seen = set()
        for number, (row, payment) in enumerate(rows.iterrows()):
            before = rows[:number]
            recent = int((before["time"] >= payment["time"] - 24).sum())
            usual = np.log(before["amount"]).mean() if number else np.log(payment["amount"])
            assert found["recent"][row] == recent
            assert np.isclose(found["ratio"][row], np.log(payment["amount"]) - usual)
            assert found["new"][row] == (payment["merchant"] not in seen)
            seen.add(payment["merchant"])


# The public original.

HEADER = ",".join(f'"{name}"' for name in fraud.CREDITCARD_COLUMNS)


def creditcard_file(folder, rows=40, header=HEADER, change=lambda lines: lines):
    generator = np.random.default_rng(0)
    lines = [
        ",".join([str(4000 * row), *(f"{v:.6f}" for v in generator.normal(size=28)), "12.5", f'"{int(row % 7 == 0)}"'])
        for row in range(rows)
    ]
    path = folder / "creditcard.csv"
    path.write_text("\n".join([header, *change(lines)]) + "\n")
    return path


def test_a_file_with_the_public_schema_is_read(tmp_path):
    found = fraud.read_creditcard(creditcard_file(tmp_path))
    assert tuple(found.columns) == fraud.CREDITCARD_COLUMNS and len(found) == 40
    assert found["Class"].dtype == np.int8 and found["Class"].sum() == 6 and found["V28"].dtype == float


@pytest.mark.parametrize(
    ("header", "change", "complaint"),
    [
        (HEADER.replace('"V7"', '"V07"').replace('"Class"', '"Label"'), lambda lines: lines, "missing: V7, Class"),
        (HEADER, lambda lines: [lines[0].replace("12.5", "twelve"), *lines[1:]], "not a number in: Amount"),
        (HEADER, lambda lines: [line[:-2] + '2"' for line in lines], "Class must be 0 or 1"),
        (HEADER, lambda lines: [lines[0] + ",1,2,3", *lines[1:]], "not a CSV file|missing|not a number"),
        (HEADER, lambda lines: [*lines[:5], lines[5][:40]], "not a number in"),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path, header, change, complaint):
    with pytest.raises(DatasetError, match=f"creditcard.csv: .*({complaint})"):
        fraud.read_creditcard(creditcard_file(tmp_path, header=header, change=change))


def test_no_file_and_an_empty_file_are_named(tmp_path):
    with pytest.raises(DatasetError, match=r"gone\.csv: no such file"):
        fraud.read_creditcard(tmp_path / "gone.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DatasetError, match=r"empty\.csv: not a CSV file"):
        fraud.read_creditcard(tmp_path / "empty.csv")


def test_the_address_and_the_checksum_of_the_original_are_pinned():
    assert fraud.CREDITCARD_URL.startswith("https://") and fraud.CREDITCARD_URL.endswith("/creditcard.csv")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", fraud.CREDITCARD_HASH)


@pytest.fixture
def publisher(tmp_path, monkeypatch, scratch):
    """A server on loopback in the publisher's place; ``serve(content, missing_bytes)`` says what it sends from now on."""
    original = creditcard_file(tmp_path).read_bytes()
    served = {"content": original, "missing": 0, "asked": 0}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            served["asked"] += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(served["content"])))
            self.end_headers()
            self.wfile.write(served["content"][: len(served["content"]) - served["missing"]])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr(fraud, "CREDITCARD_URL", f"http://127.0.0.1:{server.server_port}/creditcard.csv")
    monkeypatch.setattr(fraud, "CREDITCARD_HASH", f"sha256:{hashlib.sha256(original).hexdigest()}")
    yield types.SimpleNamespace(original=original, served=served, server=server)
    server.shutdown()
    server.server_close()


def kept(scratch) -> list[str]:
    return [path.name for path in (scratch / "downloads").iterdir()] if (scratch / "downloads").is_dir() else []


def test_the_right_file_is_fetched_once_and_then_read_from_the_scratch_folder(publisher, scratch):
    assert len(fraud.fetch_creditcard()) == len(fraud.fetch_creditcard()) == 40
    assert publisher.served["asked"] == 1 and kept(scratch) == ["creditcard.csv"]


def test_a_file_with_another_checksum_is_refused_and_not_kept(publisher, scratch):
    publisher.served["content"] = publisher.original.replace(b"12.5", b"99.5", 1)
    with pytest.raises(DatasetError, match=r"creditcard\.csv .* not the pinned file .* simulated data"):
        fraud.fetch_creditcard()
    assert kept(scratch) == []
    publisher.served["content"] = publisher.original
    assert len(fraud.fetch_creditcard()) == 40, "the next try is a fresh one"


@pytest.mark.parametrize("announced", [True, False])
def test_a_truncated_file_is_refused_and_not_kept(publisher, scratch, announced):
    """A connection that breaks off, and a file that was already cut short at the publisher's."""
    if announced:
        publisher.served["missing"] = 100
    else:
        publisher.served["content"] = publisher.original[:-100]
    with pytest.raises(DatasetError, match=r"creditcard\.csv (can't be fetched|from .* is not the pinned file)"):
        fraud.fetch_creditcard()
    assert kept(scratch) == []


def test_without_a_network_the_simulated_data_are_pointed_at(publisher, scratch):
    publisher.server.shutdown()
    publisher.server.server_close()
    with pytest.raises(DatasetError, match=r"can't be fetched .* go on with the simulated data"):
        fraud.fetch_creditcard()
    assert kept(scratch) == []


# What the notebook defines.


IMPORTS = ("import numpy", "from sklearn", "from companion.datasets", "from companion.labs")
POLICIES = (
    "highest",
    "alerts",
    "net",
    "summary",
    "Learner",
    "nothing",
    "prequential",
    "frozen",
    "adaptive",
    "Pooled",
    "Apart",
)


def definitions(*names: str) -> types.ModuleType:
    """A module with the notebook's imports that they need, and those of its functions and classes that are named."""
    module = types.ModuleType("notebook_parts")
    for node in statements():
        if ast.unparse(node).startswith(IMPORTS) or getattr(node, "name", None) in names:
            exec(compile(ast.Module([node], []), "<notebook>", "exec"), vars(module))  # noqa: S102
    return module


def statements():
    """The statements of the notebook's code cells, exercises left out."""
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata:
            yield from ast.parse(cell.source).body


def test_the_notebooks_own_evaluation_runs_on_the_public_schema(tmp_path, monkeypatch, capsys):
    """The lines under *Take it further*, as they stand, on a file with that schema."""
    module = definitions(*POLICIES)
    module.COST = 3.0
    path = creditcard_file(tmp_path, rows=2000, change=lambda lines: [spread(*pair) for pair in enumerate(lines)])
    monkeypatch.setattr(fraud, "fetch", lambda *_: path)
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    source = next(cell.source for cell in cells if "fetch_creditcard()" in cell.source)
    snippet = re.search(r"```python\n(.*?)```", source, re.S)[1]
    exec(snippet, vars(module))  # noqa: S102
    printed = capsys.readouterr().out
    assert re.search(r"'frozen': \{'first half': .*'adaptive': \{'first half'", printed) and "np.float" not in printed


@pytest.fixture(scope="module")
def evaluation():
    """The notebook's evaluation and policies, with its settings."""
    module = definitions(*POLICIES)
    vars(module).update(DELAY=fraud.LABEL_DELAY, START=35, END=fraud.DAYS, BUDGET=50, COST=3.0)
    return module


@pytest.mark.parametrize("policy", ["Pooled", "Apart"])
def test_feedback_is_what_the_investigators_know_and_no_more(evaluation, table, policy):
    """Labels that nobody has by day 80 are turned round, but those of the alerts: the scores before day 80 stay, bit for bit."""
    stream = payments.prepare(table)

    def run(known):
        update = getattr(evaluation, policy)(known)
        return evaluation.prequential(update, known, evening=update.evening)

    scores = run(stream)
    day = table["day"].to_numpy()
    unknown = (day + fraud.LABEL_DELAY >= 80) & ~(evaluation.alerts(scores, stream) & (day < 80))
    past, turned = stream.days(35, 80 - 35), replace(stream, y=np.where(unknown, 1 - stream.y, stream.y))
    assert np.array_equal(run(turned)[past], scores[past])
    one_more = replace(stream, y=np.where((day >= 70) & (day < 73), 1 - stream.y, stream.y))
    assert not np.array_equal(run(one_more)[past], scores[past]), "what is known makes a difference"
    without = evaluation.prequential(evaluation.adaptive, stream)
    assert not np.array_equal(without[past], scores[past]), "and so does the feedback"


def cell_with(text: str) -> str:
    """The notebook's code cell with this text."""
    return next(cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if text in cell.source)


def test_the_check_notices_a_label_that_is_read_a_day_early(evaluation, table):
    """Who spoils by the payment's day alone, and not by the day on which its label arrives, does not notice."""
    stream, day = payments.prepare(table), table["day"].to_numpy()
    room = dict(vars(evaluation), stream=stream, table=table, day=day)
    exec(cell_with("def peeks(").partition("assert not peeks()")[0], room)  # noqa: S102
    exec(cell_with("def a_day_early(").partition("assert peeks(")[0], room)  # noqa: S102
    assert not room["peeks"]()
    assert room["peeks"](room["a_day_early"]) and room["peeks"](see=room["scaled_at_once"])
    by_payment = payments.prepare(table.assign(fraud=table["fraud"].where(day < 80, 1 - table["fraud"])))
    room["spoiled"] = replace(by_payment, X=stream.X)
    assert not room["peeks"](room["a_day_early"]), "the days in between are what the check has to spoil"


def test_euros_and_alerts_agree_with_a_plain_loop(evaluation, table):
    stream = payments.prepare(table)
    scores = np.random.default_rng(0).integers(0, 40, len(table)).astype(float)
    chosen, total = evaluation.alerts(scores, stream), 0.0
    for today in range(35, 120):
        rows = table.index[table["day"] == today]
        best = sorted(rows, key=lambda row: (-scores[row], row))[:50]
        assert set(np.flatnonzero(chosen[stream.days(today)]) + stream.days(today).start) == set(best)
        total += sum(table.loc[row, "amount"] * table.loc[row, "fraud"] - 3 for row in best)
    assert np.isclose(evaluation.net(chosen, stream, 35, 85), total)


# companion.labs.adaptive.payments.


def test_a_stream_is_cut_into_days(table):
    stream = payments.prepare(table)
    assert [stream.days(0).start, stream.days(119).stop] == [0, len(table)]
    assert set(table["day"][stream.days(7, 3)]) == {7, 8, 9}
    assert np.array_equal(stream.X, fraud.features(table)) and stream.y.sum() == 120
    with pytest.raises(DatasetError, match="missing: card"):
        payments.prepare(table.drop(columns="card"))


def test_the_newest_label_is_the_newest_that_is_known(table):
    found = payments.newest_label(table)
    for row in [*np.flatnonzero(found)[:20], *range(40_000, 40_020)]:
        card, today = table.loc[row, ["card", "day"]]
        known = table[(table["card"] == card) & (table["day"] <= today - fraud.LABEL_DELAY)]
        assert found[row] == (known["fraud"].iloc[-1] if len(known) else 0)


def test_pictures_say_what_they_show(table):
    stream = payments.prepare(table)
    day, some = table["day"].to_numpy(), np.arange(len(table)) % 2 == 0
    fig = payments.caught_so_far(stream, some, 35, 80)
    shown = (stream.y == 1) & (day >= 35) & (day <= 80)
    title = fig.axes[0].get_title(loc="left")
    assert title == f"Day 80: {(shown & some).sum()} of {shown.sum()} frauds caught so far"
    fig = payments.spread({"one": np.array([1.0, 3.0]), "other": np.array([5.0])}, "title", "%")
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["one", "other"]
    assert list(fig.axes[0].lines[1].get_xdata()) == [2, 2]


JOURNAL = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("CREATE TABLE numbers (n INTEGER)")
database.execute("INSERT INTO numbers VALUES (1)")
if sys.argv[2] == "between":
    database.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("moment", ["inside", "between"])
def test_a_death_inside_a_transaction_is_seen_on_the_disk(tmp_path, moment):
    command = [sys.executable, "-c", JOURNAL, str(tmp_path / "stream.db"), moment]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert payments.inside_a_transaction(tmp_path) == (moment == "inside")
    with contextlib.closing(sqlite3.connect(tmp_path / "stream.db")) as database:
        assert database.execute("SELECT COUNT(*) FROM numbers").fetchone() == (int(moment == "between"),)
        database.execute("INSERT INTO numbers VALUES (2)")
        database.commit()
    assert not payments.inside_a_transaction(tmp_path), "who goes on leaves nothing of it"


SEVERAL = """
import os, sys
memory = []
def helper(path, text):
    memory.append(text)
    open(path, "a").write(f"{len(memory)} {text};")
def job(path, text):
    helper(path, text)
    if text == "dies":
        os.kill(os.getpid(), 9)
    if text == "fails":
        sys.exit(3)
"""


TASKS = """
import os, time
unit = 10
def tenfold(number):
    if number == 4:
        raise ValueError("not four")
    if number == 5:
        os._exit(3)
    time.sleep(0.2 * (number == 0))
    return unit * number, os.getpid()
"""


def test_items_are_computed_side_by_side_each_in_a_process_of_its_own():
    main = types.ModuleType("__main__")  # as in a notebook: goes by value
    exec(TASKS, vars(main))  # noqa: S102
    for at_once in (1, 2, 9):
        found = payments.side_by_side(main.tenfold, range(4), at_once)
        assert [answer for answer, _ in found] == [0, 10, 20, 30], "in the order of the items, whoever is ready first"
        assert len({pid for _, pid in found} - {os.getpid()}) == 4
    assert payments.side_by_side(main.tenfold, []) == []
    with pytest.raises(ValueError, match="not four"):
        payments.side_by_side(main.tenfold, [0, 4])
    with pytest.raises(RuntimeError, match="without an answer"):
        payments.side_by_side(main.tenfold, [5, 1])


def test_a_fresh_process_knows_nothing_of_the_one_before(tmp_path, monkeypatch):
    module = types.ModuleType("made_here_only")
    monkeypatch.setitem(sys.modules, "made_here_only", module)
    exec(SEVERAL, vars(module))  # noqa: S102
    codes = [payments.in_a_fresh_process(module.job, tmp_path / "log", text) for text in ("first", "dies", "fails")]
    assert codes == [0, -9, 3]
    assert (tmp_path / "log").read_text() == "1 first;1 dies;1 fails;", "each begins with an empty memory"
    assert module.memory == []


# The exercises' own solutions, against their statements.


@pytest.fixture(scope="module")
def solved():
    """The reference solutions of the four exercises, as attributes."""
    return types.SimpleNamespace(**chapters.references(book.chapter("sklearn_fraud")))


@given(st.lists(st.integers(0, 1), min_size=1, max_size=30).filter(any))
def test_silence_is_right_about_the_genuine_and_finds_none(solved, labels):
    accuracy, recall = solved.silence(labels)
    assert accuracy == pytest.approx(labels.count(0) / len(labels)) and recall == 0


PAYMENT = st.tuples(st.integers(-2, 2), st.integers(0, 1), st.integers(0, 500), st.integers(0, 3))


@given(st.lists(PAYMENT, max_size=25), st.integers(0, 6), st.integers(0, 9))
def test_net_saved_is_the_sum_over_the_first_in_line(solved, rows, budget, cost):
    """A payment is investigated when fewer than ``budget`` of its day stand before it: a higher score, or an equal one earlier."""
    expected = 0
    for k, (score, bad, euros, day) in enumerate(rows):
        before = sum(d == day and (s > score or (s == score and j < k)) for j, (s, _, _, d) in enumerate(rows))
        expected += (euros * bad - cost) * (before < budget)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    assert solved.net_saved(*columns, budget, cost) == pytest.approx(expected)


def test_net_saved_agrees_with_the_notebooks_own_euros(solved, evaluation, table):
    stream, day = payments.prepare(table), table["day"].to_numpy()
    scores = np.random.default_rng(1).normal(size=len(table)) + 3 * stream.y
    chosen, scored = evaluation.alerts(scores, stream), day >= 35
    mine = solved.net_saved(scores[scored], stream.y[scored], stream.amount[scored], day[scored], 50, 3.0)
    assert mine == pytest.approx(evaluation.net(chosen, stream, 35, 85))


BATCH = st.tuples(
    st.integers(0, 4), st.lists(st.tuples(st.integers(1, 3), st.integers(-8, 8)), max_size=4), st.booleans()
)


@given(st.lists(BATCH, max_size=8))
def test_a_batch_counts_once_whatever_comes_in_between(solved, batches):
    """Batches in any order, again, and broken off: the tables are those of a dictionary and a set."""
    database = sqlite3.connect(":memory:")
    database.executescript(
        "CREATE TABLE totals (card INTEGER PRIMARY KEY, euros REAL); CREATE TABLE done (batch INTEGER PRIMARY KEY)"
    )
    totals, done = {}, set()
    for batch, rows, breaks in batches:

        def coming(rows=rows, breaks=breaks):
            yield from rows
            if breaks:
                raise ConnectionError

        with contextlib.suppress(ConnectionError):
            solved.apply_batch(database, batch, coming())
        if batch not in done and not breaks:
            done.add(batch)
            for card, euros in rows:
                totals[card] = totals.get(card, 0) + euros
        assert not database.in_transaction
        assert dict(database.execute("SELECT * FROM totals")) == totals
        assert {b for (b,) in database.execute("SELECT * FROM done")} == done
    database.close()


@given(st.integers(0, 10_000), st.integers(500, 1400))
@settings(max_examples=20, deadline=None)
def test_the_detector_says_the_same_of_a_beginning(solved, seed, at):
    rate = np.where(np.arange(1500) < at, 0.2, 0.45)
    errors = (np.random.default_rng(seed).random(1500) < rate).astype(int).tolist()
    alarm = solved.detect(errors)
    if alarm is not None:
        assert solved.detect(errors[: alarm + 1]) == alarm and solved.detect(errors[:alarm]) is None


def spread(number: int, line: str) -> str:
    """2,000 payments over the 48 hours."""
    return f"{86 * number}," + line.partition(",")[2]


# Exactly once: the notebook's loop, killed at random moments and at the worst one.

LOOP = ("Learner", "one_commit", "open_database", "scores_first", "state_first", "load_state", "die", "work")
HEAD = """import os, pickle, signal, sqlite3
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler
DELAY = 7
"""
DAY = 500  # payments

#: what a test's program starts with; it forks children that die while they work, itself it has no threads
DRIVER = """
import json, os, pathlib, random, shutil, signal, sys, time
here = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(here))
import fraud_loop

def dies(cpu_seconds, *arguments):
    child = os.fork()
    if child == 0:
        # the kernel ends the process there and then: SIGPROF has no handler; CPU time is the same on a busy machine
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        fraud_loop.work(*arguments)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def scored(folder):
    return fraud_loop.open_database(folder).execute("SELECT COUNT(*) FROM scores").fetchone()[0]
"""
RANDOM_MOMENTS = """
start = time.process_time()
fraud_loop.work(here / "undisturbed", fraud_loop.one_commit)
whole = time.process_time() - start

def disturb(folder, generator, longest):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    kills = []
    for _ in range(20):
        code = dies(generator.uniform(0.001, longest), folder, fraud_loop.one_commit)
        kills.append([code, scored(folder)])
    return kills

everything = scored(here / "undisturbed")
for seed in range(3):
    generator, longest = random.Random(seed), whole / 4
    # the first run takes more of a processor than the later ones, on a busy machine many times as much: look where the middle is
    while True:
        kills = disturb(here / f"disturbed {seed}", generator, longest)
        middle = {count for code, count in kills if code and 0 < count < everything}
        if len(middle) >= 3 or longest < 0.002:
            break
        longest /= 2 if kills[-1][1] == everything else 0.5
    print(json.dumps(kills))
"""
WORST_MOMENT = """
for name in ("one_commit", "scores_first", "state_first"):
    (here / name).mkdir()
    print(dies(0, here / name, getattr(fraud_loop, name), 20))
"""


@pytest.fixture
def loop(tmp_path, monkeypatch):
    """The notebook's functions as a module, with a small stream of forty days beside it."""
    parts = [ast.unparse(node) for node in statements() if getattr(node, "name", None) in LOOP]
    assert len(parts) == len(LOOP)
    (tmp_path / "fraud_loop.py").write_text(HEAD + "\n\n".join(parts))
    monkeypatch.syspath_prepend(str(tmp_path))
    import fraud_loop

    generator = np.random.default_rng(1)
    X, y = generator.normal(size=(40 * DAY, 5)).astype(np.float32), (generator.random(40 * DAY) < 0.05).astype(int)
    np.savez(tmp_path / "stream.npz", X=X, y=y, edges=np.arange(41) * DAY)
    (tmp_path / "undisturbed").mkdir()
    yield fraud_loop
    sys.modules.pop("fraud_loop", None)


def scores_of(loop, folder) -> list[tuple[int, float]]:
    return loop.open_database(folder).execute("SELECT payment, score FROM scores ORDER BY payment").fetchall()


def drive(folder, program: str) -> list:
    """Run a program beside the stream; what it printed."""
    (folder / "program.py").write_text(DRIVER + program)
    command = [sys.executable, str(folder / "program.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_killed_at_random_moments_every_payment_is_scored_exactly_once(loop, tmp_path):
    runs = drive(tmp_path, RANDOM_MOMENTS)
    truth = scores_of(loop, tmp_path / "undisturbed")
    assert [number for number, _ in truth] == list(range(7 * DAY, 40 * DAY))
    for seed, kills in enumerate(runs):
        assert all(count % DAY == 0 for _, count in kills), "whole days only"
        in_the_middle = {count for code, count in kills if code == -signal.SIGPROF and 0 < count < len(truth)}
        assert len(in_the_middle) >= 3, f"the kills came before or after the work, not in it: {kills}"
        loop.work(tmp_path / f"disturbed {seed}", loop.one_commit)
        assert scores_of(loop, tmp_path / f"disturbed {seed}") == truth


@pytest.mark.slow
def test_only_one_commit_survives_a_kill_at_the_worst_moment(loop, tmp_path):
    assert drive(tmp_path, WORST_MOMENT) == 3 * [-signal.SIGKILL]
    for name, lost, twice in (("one_commit", 0, 0), ("scores_first", 0, DAY), ("state_first", DAY, 0)):
        folder = tmp_path / name
        loop.work(folder, getattr(loop, name))
        if name == "one_commit":
            numbers = [number for number, _ in scores_of(loop, folder)]
        else:
            numbers = [int(line.partition(",")[0]) for line in (folder / "scores.csv").read_text().splitlines()]
        assert (33 * DAY - len(set(numbers)), len(numbers) - len(set(numbers))) == (lost, twice), name


FIVE_DEATHS = """
def dies_by_itself(name, save=fraud_loop.one_commit, die_on=-1, afterwards=lambda: None):
    (here / name).mkdir()
    child = os.fork()
    if child == 0:
        fraud_loop.work(here / name, save, die_on)
        afterwards()
        os._exit(0)
    print(json.dumps([name, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]))

def before_day_20(folder, numbers, scores, state, between):
    if state[0] == 21:
        fraud_loop.die()
    fraud_loop.one_commit(folder, numbers, scores, state, between)

dies_by_itself("inside", die_on=20)
dies_by_itself("between", before_day_20)
dies_by_itself("before the first commit", die_on=7)
dies_by_itself("after the last commit", afterwards=fraud_loop.die)
dies_by_itself("never")
"""


@pytest.mark.slow
def test_a_kill_that_found_no_work_is_not_counted(loop, tmp_path):
    """What the notebook counts as hits, and that ten of them are needed: ten kills of which one hit work are too few."""
    codes = dict(drive(tmp_path, FIVE_DEATHS))
    assert list(codes.values()) == 4 * [-signal.SIGKILL] + [0]
    room = {**vars(loop), "payments": payments, "folder": tmp_path, "edges": np.arange(41)}
    exec(next(ast.unparse(node) for node in statements() if getattr(node, "name", None) == "hit_by"), room)  # noqa: S102
    assert [room["hit_by"](*one) for one in codes.items()] == ["inside a commit", "between commits", *3 * ["no work"]]
    room["hits"] = {"inside a commit": [("inside", -9)], "between commits": [], "no work": 9 * [("never", 0)]}
    with pytest.raises(AssertionError):
        exec(cell_with("killed = hits["), room)  # noqa: S102


def test_a_payment_that_was_scored_is_refused_a_second_time(loop, tmp_path):
    folder = tmp_path / "undisturbed"
    loop.one_commit(folder, np.arange(3), np.ones(3), (1, {}), lambda: None)
    with pytest.raises(loop.sqlite3.IntegrityError):
        loop.one_commit(folder, np.arange(2, 5), np.ones(3), (2, {}), lambda: None)
    assert scores_of(loop, folder) == [(0, 1.0), (1, 1.0), (2, 1.0)]
    assert loop.load_state(folder) == (1, {})


# companion.processes.worker: a notebook's function in a process that can be killed.

MAIN = """
import sys, time
from companion.processes import worker

factor = 3

def product(number):
    sys.exit(factor * number)

def fail():
    raise ValueError("in the worker")

def ready(path):
    open(path, "w").close()
    time.sleep(600)

if __name__ == "__main__":
    processes = [worker.start(product, 5), worker.start(fail)]
    for process in processes:
        process.join()
    print(*(process.exitcode for process in processes), flush=True)
    worker.start(ready, sys.argv[1])
    time.sleep(600)
"""


@pytest.mark.slow
def test_a_worker_runs_what_main_defines_and_ends_when_its_parent_is_killed(tmp_path):
    mark, ready = new_mark(), tmp_path / "ready"
    command = [sys.executable, "-c", MAIN, str(ready)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **mark}
    ) as parent:
        assert parent.stdout.readline() == b"15 1\n"
        assert until(ready.exists) and len(marked(mark)) >= 2, "the worker is there"
        parent.kill()
    assert_gone(mark)
