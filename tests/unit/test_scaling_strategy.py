"""The capstone's job, its laws, its virtual clock, its advice, and the references of its exercises."""

import math
import re
from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest
from harness import chapters
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import EngineUnavailable, SettingError, book, checkout, measure
from companion.labs.strategy import customers, pictures, service, tables

CHAPTER = book.chapter("scaling_strategy")
REFERENCES = chapters.references(CHAPTER)
TASTES, AFFINITY = customers.job(seed=1)


@pytest.fixture(scope="module")
def notebook() -> dict:
    """What the notebook's cells define."""
    import heapq
    from typing import NamedTuple
    from zlib import crc32

    from scipy.special import stdtrit

    known = {
        "np": np,
        "pd": pd,
        "measure": measure,
        "heapq": heapq,
        "NamedTuple": NamedTuple,
        "crc32": crc32,
        "stdtrit": stdtrit,
    }
    wanted = {
        "obvious",
        "rank",
        "rank_range",
        "cost",
        "usl",
        "band",
        "fit",
        "interval",
        "in_the_house",
        "Company",
        "advise",
    }
    wanted |= {"finish", "rings", "gain", "salted", "same"}
    sources = chapters.defined(CHAPTER)
    from companion.measure import load

    known["load"] = load
    for name in sorted(wanted, key=lambda name: name == "advise"):
        exec(sources[name], known)  # noqa: S102  (the project's own cells)
    return known


# the job


def test_the_same_seed_gives_the_same_job_in_whole_numbers():
    again, other = customers.job(seed=1), customers.job(seed=2)
    assert np.array_equal(TASTES, again[0]) and np.array_equal(AFFINITY, again[1])
    assert not np.array_equal(TASTES, other[0])
    assert TASTES.dtype == AFFINITY.dtype == np.int16
    assert TASTES.sum() == 60_000, "each event is counted once"
    assert (AFFINITY >= 0).all() and (abs(AFFINITY.sum(axis=0) - 100) <= 10).sum() >= 395, "per cent, rounded"


def test_affinity_is_the_share_of_events_by_hand():
    from companion.datasets import shop

    made = shop.simulate(customers=customers.DIFFERENT, products=customers.PRODUCTS, events=60_000, seed=1)
    product = int(made.events["product"].mode()[0])
    together = TASTES[made.events.loc[made.events["product"] == product, "customer"]].sum(axis=0)
    assert np.array_equal(AFFINITY[:, product], np.floor(100 * together / together.sum() + 0.5))


def test_the_file_holds_the_same_customers_again(tmp_path):
    customers.write(tmp_path, 9_000, seed=1)
    written = np.load(tmp_path / "tastes.npy")
    assert written.shape == (9_000, 20) and np.array_equal(written[4_000:8_000], TASTES)
    assert np.array_equal(np.load(tmp_path / "affinity.npy"), AFFINITY)
    with pytest.raises(SettingError, match="customers must be at least 1, got 0"):
        customers.write(tmp_path, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(11, 40), st.integers(0, 2**32), st.integers(1, 3))
def test_the_competent_ranking_is_the_obvious_one(notebook, rows, products, seed, most):
    """With few different values nearly everything is a tie."""
    rng = np.random.default_rng(seed)
    tastes, affinity = rng.integers(0, most + 1, (rows, 4)), rng.integers(0, most + 1, (4, products))
    fast = notebook["rank"](tastes.astype(float), affinity.astype(float))
    assert notebook["same"](fast, notebook["obvious"](tastes, affinity))
    for row, ids in zip(tastes @ affinity, fast, strict=True):
        assert ids.tolist() == sorted(range(products), key=lambda number: (-row[number], number))[:10]


def test_a_range_is_a_part_of_the_whole(notebook, tmp_path):
    customers.write(tmp_path, 1_203, seed=1)
    whole = notebook["rank_range"](str(tmp_path), 0, 1_203)
    assert np.array_equal(whole, notebook["obvious"](TASTES[:1_203], AFFINITY))
    assert np.array_equal(notebook["rank_range"](str(tmp_path), 7, 612, block=100), whole[7:612])


def test_the_service_gives_the_rows_in_order(notebook, tmp_path):
    """The very module that gunicorn loads, behind a thread of this process."""
    from companion.processes import web

    customers.write(tmp_path, 50, seed=1)
    functions = tmp_path / "functions.py"
    functions.write_text(
        "import numpy as np\n\n" + "\n\n".join(chapters.defined(CHAPTER)[n] for n in ("rank", "rank_range"))
    )
    module: dict = {"__name__": "app"}
    exec(service.source(functions, tmp_path), module)  # noqa: S102
    with web.threaded(module["application"]) as url:
        ask = service.client(url, at_once=3, most=7)
        assert np.array_equal(ask(0, 50), notebook["rank_range"](str(tmp_path), 0, 50))
        assert np.array_equal(ask(12, 13), notebook["rank_range"](str(tmp_path), 12, 13))
        assert ask(5, 5).shape == (0, 10)


# its container


@pytest.fixture
def program(tmp_path):
    """The functions in a file, and the job's files beside it, as the notebook writes them."""
    customers.write(tmp_path, 50, seed=1)
    (tmp_path / "tastes.npy").chmod(0o600)
    path = tmp_path / "ranker.py"
    path.write_text(
        "import numpy as np\n\n" + "\n\n".join(chapters.defined(CHAPTER)[name] for name in ("rank", "rank_range"))
    )
    return path


def test_the_context_has_all_that_the_recipe_copies_and_nothing_of_the_book(program, tmp_path):
    context = service.context(tmp_path / "box", program, tmp_path)
    recipe = (context / "ranking" / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) ", recipe, re.MULTILINE)
    assert len(copied) == 3 and all((context / path).exists() for path in copied)
    for name in ("tastes.npy", "affinity.npy"):
        assert (context / "ranking" / "job" / name).read_bytes() == (tmp_path / name).read_bytes()
    modes = {oct(path.stat().st_mode & 0o777) for path in (context / "ranking").rglob("*") if path.is_file()}
    assert modes == {"0o644"}, "whoever runs in the container can read them, whatever the umask here"
    inside = (context / "ranking" / "app.py").read_text()
    assert set(re.findall(r"^(?:import|from) (\w+)", inside, re.MULTILINE)) == {"numpy", "flask"}
    assert f"COPY ranking/job/ {service.IN_THE_BOX}/" in recipe and repr(str(service.IN_THE_BOX)) in inside


def test_the_lower_layers_are_those_of_the_other_services():
    """Word for word: only so does the engine take them from its cache."""
    ours, theirs = (
        (checkout.folder("docker") / name / "Dockerfile").read_text().split("\n\n")
        for name in ("ranking", "model_server")
    )
    assert ours[1:3] == theirs[1:3]
    # the last stage up to where the packages are in
    ours, theirs = (re.sub(r"^#.*\n", "", stages[-1], flags=re.MULTILINE) for stages in (ours, theirs))
    assert ours.partition("COPY ranking")[0].startswith(theirs.partition("COPY --from=application")[0])


class Container:
    """A container that the engine has started, with the port that it has got."""

    def __init__(self, status: str = "running", port: str | None = None):
        self.status, self.asked = status, 0
        self.ports = {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}] if port else None}

    def reload(self):
        self.asked += 1

    def logs(self):
        return b"starting\nImportError: no flask\nbye"


def test_a_container_is_waited_for_until_it_answers(program, tmp_path):
    from companion.processes import web

    module: dict = {"__name__": "app"}
    exec(service.source(program, tmp_path), module)  # noqa: S102
    with web.threaded(module["application"]) as url:
        assert service.published(Container(port=url.rpartition(":")[2])) == url


def test_a_container_that_does_not_serve_says_why():
    ended = Container("exited")
    with pytest.raises(EngineUnavailable, match="does not serve: ImportError: no flask"):
        service.published(ended)
    assert ended.asked == 1, "there is nothing to wait for"
    with pytest.raises(EngineUnavailable, match=r"at http://127\.0\.0\.1:9: .*DOCKER_HOST may name another"):
        service.published(Container(port="9"), patience=0.1)
    with pytest.raises(EngineUnavailable, match="nothing answers here at its port"):
        service.published(Container(), patience=0.1)


class Offline:
    """An engine that answers, and whose builds reach no package index."""

    api = property(lambda self: self)

    def build(self, **_):
        yield {"stream": "Step 1/9 : RUN python -m pip download -r requirements.txt"}
        yield {"error": "exit code 1"}

    def close(self):
        self.closed = True


@pytest.mark.parametrize("engine", [None, Offline()], ids=["no engine", "an engine without a network"])
def test_without_a_box_the_service_is_the_processes(engine, program, tmp_path, monkeypatch, capsys):
    from companion.engines import docker as docker_engine

    def connect():
        if engine is None:
            raise EngineUnavailable("no Docker engine answers on this machine. Get one")
        return engine

    swept = []
    monkeypatch.setattr(docker_engine, "connect", connect)
    monkeypatch.setattr(docker_engine, "labels", lambda: {"companion.session": "of a test"})
    monkeypatch.setattr(docker_engine, "build_arguments", lambda client: {})
    monkeypatch.setattr(docker_engine, "sweep", swept.append)
    (cell,) = [source for source in chapters.taught(CHAPTER) if "containers.run" in source]
    bare, place = object(), iter([tmp_path / "box"])
    with ExitStack() as serving:
        known = {"service": service, "serving": serving, "functions": program, "job": tmp_path, "WORKERS": 2}
        known |= {
            "ways": {"service": bare},
            "started": {"service": 1.0},
            "url": "here",
            "workspace": lambda _: next(place),
        }
        exec(cell, known)  # noqa: S102
    assert known["boxed"] is None and known["ways"] == {"service": bare} and known["url"] == "here"
    assert known["started"] == {"service": 1.0}
    assert "2 processes of this machine: " in capsys.readouterr().out
    assert len(swept) == (engine is not None), "what was begun goes with the service"


# COST


@given(st.floats(0.1, 100), st.floats(0.001, 0.01), st.floats(0.1, 0.95))
def test_two_straight_lines_cross_where_algebra_says(notebook, start, slope, share):
    sizes = np.array([10.0, 1e3, 1e5, 1e7])
    crossing = start / (slope * (1 - share))
    found = notebook["cost"](sizes, slope * sizes, start + share * slope * sizes)
    if crossing > sizes[-1]:
        assert found is None
    else:
        assert found == pytest.approx(max(crossing, sizes[0]), rel=1e-6)


def test_cost_skips_what_was_not_measured(notebook):
    sizes = np.array([1.0, 2.0, 3.0])
    assert notebook["cost"](sizes, np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, np.nan])) is None
    assert notebook["cost"](sizes, np.array([1.0, 2.0, 3.0]), np.array([0.5, 3.0, np.nan])) == 1.0


# laws


@given(st.floats(0, 0.4), st.floats(0, 0.1), st.sampled_from([2, 8, 64, 1_000]))
def test_every_law_through_the_point_lies_in_the_band(notebook, contention, coherency, n):
    two = float(notebook["usl"](2, contention, coherency))
    low, high = notebook["band"](measure.Interval(two, two, two), n)
    assert low * (1 - 1e-9) <= notebook["usl"](n, contention, coherency) <= high * (1 + 1e-9)
    wider = notebook["band"](measure.Interval(two, 0.9 * two, 1.1 * two), n)
    assert wider[0] <= low and high <= wider[1] <= n


@given(st.floats(0.001, 0.3), st.floats(0, 0.01))
def test_a_law_without_noise_is_found_exactly(notebook, contention, coherency):
    counts = np.array([1, 2, 4, 8])
    seconds = 7 / notebook["usl"](counts, contention, coherency)
    assert notebook["fit"](seconds[None], counts)[0] == pytest.approx([contention, coherency], abs=1e-9)


def test_the_plane_agrees_with_the_library(notebook):
    counts = np.array([1, 2, 4, 8, 16])
    noise = np.exp(np.random.default_rng(3).normal(0, 0.02, (5, 5)))
    rounds = noise / notebook["usl"](counts, 0.05, 0.002)
    low, high = notebook["interval"](notebook["fit"](rounds, counts), 64)
    law = measure.fit_usl({n: measure.Timing(tuple(rounds[:, i])) for i, n in enumerate(counts.tolist())})
    assert law.predict(64)[0] == pytest.approx(np.sqrt(low * high), rel=0.1)


def test_an_amdahl_fit_has_no_coherency(notebook):
    counts = np.array([1, 2, 4])
    found = notebook["fit"](1 / notebook["usl"](counts, 0.1, 0.0)[None], counts, curves=1)
    assert found == pytest.approx(np.array([[0.1, 0.0]]))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 2)), min_size=3, max_size=40))
def test_little_s_law_holds_for_any_log(notebook, visits):
    due, latency = (np.array(column) for column in zip(*sorted(visits), strict=True))
    due -= due[0]
    run = measure_load_result(due, latency)
    assert notebook["in_the_house"](run, 40_000) == pytest.approx(run.rate * latency.mean(), rel=0.12, abs=0.05)


def measure_load_result(due, latency):
    from companion.measure import load

    return load.LoadResult(due, latency, [None] * len(due))


# break it


def test_the_virtual_clock_by_hand(notebook):
    finish = notebook["finish"]
    assert finish(1, [1.0, 2.0, 3.0], 0.5) == 7.5
    assert finish(2, [1.0, 1.0], 0.5) == 2.0, "both compute at once, and the second waits for the lock"
    assert finish(3, [1.0], 0.5) == 1.5


@settings(max_examples=60)
@given(st.integers(1, 9), st.lists(st.floats(0.01, 3), min_size=1, max_size=30), st.floats(0, 0.5))
def test_no_schedule_beats_its_bounds(notebook, workers, tasks, locked):
    took = notebook["finish"](workers, tasks, locked)
    assert took >= max(max(tasks) + locked, len(tasks) * locked, sum(tasks) / workers) * (1 - 1e-9)
    assert took <= (sum(tasks) + len(tasks) * locked) * (1 + 1e-9), "never slower than one after the other"


def test_the_alarm_is_silent_within_the_usual_spread(notebook):
    usual = np.array([1.0, 1.1, 0.9, 1.05])
    assert not notebook["rings"](usual, 1.0, usual)
    assert notebook["rings"](usual / 2, 1.0, usual)
    assert notebook["rings"](2 * usual, 1.0, usual), "faster than the law is a changed law as well"


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=60), st.integers(1, 20))
def test_salt_changes_names_and_loses_nothing(notebook, keys, salts):
    mixed = notebook["salted"](keys, "a", salts)
    assert [key.partition("#")[0] for key in mixed] == keys
    assert len({key for key in mixed if key.startswith("a#")}) <= salts
    assert 1 <= notebook["gain"](mixed) <= 2


# advice


def company(notebook, **kind):
    return notebook["Company"](**({"items": 1_000.0, "hours": 2.0} | kind))


def test_advice_follows_from_what_was_measured(notebook):
    sure, perfect = measure.Interval(1.8, 1.7, 1.9), measure.Interval(2, 2, 2)

    def advice(item, two=sure, **kind):
        return notebook["advise"](company(notebook, **kind), {"item_seconds": item, "two_workers": two})

    assert advice(3.6) == ["one thread, started by a timer"], (
        "an hour of work in two, of which half is free: just one machine"
    )
    assert advice(3.61) == ["processes on one machine"]
    assert advice(3.6 * 1.7) == ["processes on one machine"]
    assert advice(3.6 * 1.71) == ["a cluster"], "the band of so few workers is narrow"
    assert advice(36) == ["measure far out, before anything is built"], "the band of twenty begins below ten"
    assert advice(36, perfect) == ["a cluster"]
    assert advice(3.6, rate=5) == [
        "one thread, started by a timer",
        "a service, and one machine more than the rate asks for",
    ]
    assert advice(1e9, item_seconds=0.1) == ["one thread, started by a timer"], "the company's own item counts"


def cited() -> set[str]:
    """The names of recorded figures that the notebook and its tables cite."""
    text = "\n".join(cell["source"] for cell in chapters.code(CHAPTER))
    others = "|".join(chapter.name for chapter in book.BOOK if chapter != CHAPTER)
    return set(re.findall(rf'"((?:{others})\.\w+)"', text)) | {
        name for names in tables.JOBS.values() for name in names if name
    }


@pytest.mark.parametrize("name", sorted(cited()))
def test_what_the_notebook_cites_is_recorded_by_a_cell_of_the_book(name):
    """A name that no cell records would never be found."""
    notebook = name.partition(".")[0]
    text = "\n".join(cell["source"] for cell in chapters.code(book.chapter(notebook)))
    patterns = re.findall(rf'record\(\s*f?"({notebook}\.[^"]+)"', text)
    assert any(re.fullmatch(re.sub(r"\{.*?\}", r"\\w+", pattern), name) for pattern in patterns), patterns


def test_the_runs_behind_the_laws_are_recorded():
    for name in ("multiprocessing_images.workers_plain", "multiprocessing_images.workers_2", "dask_audio.workers_1"):
        assert len(measure.runs_of(name).seconds) >= 2, "an interval needs rounds"
    assert measure.recorded()["machine"].str.fullmatch(r"\d+ cores, \w+, \w+, \d+ GiB, Python 3\.\d+").all()


def test_tables_say_never_where_it_is_never():
    seconds = pd.DataFrame({"one thread": [1.0, 10.0], "Dask": [2.0, 8.0], "Spark": [30.0, 40.0]}, index=[10, 100])
    said = tables.costs(
        seconds, {"Dask": 3.0, "Spark": 9.0}, {"Dask": 40.0, "Spark": None}, {"Dask": 10.0, "Spark": 70.0}
    )
    dask, spark = said.splitlines()[-2:]
    assert re.split(r"\s{2,}", dask) == ["Dask", "3.0 s", "from 40 customers", "from 10 customers", "in 2 runs of 100"]
    assert re.split(r"\s{2,}", spark) == ["Spark", "9.0 s", "never up to 100", "from 70 customers", "never"]


def test_the_book_s_table_has_every_job_and_machine():
    runs = tables.book_runs()
    said = tables.book(runs)
    assert all(job in said for job in tables.JOBS) and measure.recorded()["machine"].iloc[0] in said
    assert runs["factors of a shop, Spark"].one is None
    two = measure.faster(runs["features of sound, Dask"].plain, runs["features of sound, Dask"].two)
    assert f"{two.estimate:.2f}   {two.low:.2f} to {two.high:.2f}" in said


def test_the_stored_page_cites_what_the_other_notebooks_have_stored():
    """One that was executed again has new figures, and then this one has to be."""
    cells = chapters.code(CHAPTER)
    printed = "".join("".join(output.get("text", "")) for cell in cells for output in cell["outputs"])
    for table in (tables.book(tables.book_runs()), tables.journey()):
        for line in table.splitlines():
            assert line in printed, f"make notebooks NAME={CHAPTER.name}: it does not have the line {line!r}"


# pictures


def test_pictures_say_what_is_drawn():
    scores = TASTES.astype(int) @ AFFINITY
    fig = pictures.job(AFFINITY, scores, 2)
    tied = sum(len(set(sorted(row)[-11:])) < 11 for row in scores.tolist())
    assert f"{tied / len(scores):.0%} of the customers" in fig.get_suptitle()
    seconds = pd.DataFrame({"one": [1.0, 10.0], "a": [2.0, 8.0], "b": [3.0, np.nan]}, index=[10, 100])
    (ax,) = pictures.seconds(seconds, {"a": 50.0, "b": None}).axes
    assert len(ax.lines) == 4, "three lines and one ring"
    assert ax.get_title("left") == "Beats one here: a from 50"
    assert pictures.seconds(seconds, {"a": None}).axes[0].get_title("left") == "Beats one here: nothing"
    (ax,) = pictures.tornado("Way", {"small": (9.0, 11.0), "wide": (30.0, 2.0)}, 10.0).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["small", "wide"], "the widest on top"
    assert ax.get_title("left") == "Way: wide moves the price most, 2 to 30 euros"
    workers = np.array([1.0, 10.0, 100.0])
    (ax,) = pictures.fan({"job": (workers / 10, workers), "other": (workers / 20, workers / 2)}, workers).axes
    assert len(ax.lines) == 6 and ax.get_title("left") == "From two cores, 100 workers are 5 to 100 times one"


def test_the_journey_has_a_figure_or_says_that_there_is_none(monkeypatch):
    said = tables.journey().splitlines()
    assert len(said) == len(tables.JOURNEY)
    start = measure.recorded("spark_recommendations.spark_start")["value"].iloc[0]
    assert f"spark_recommendations.spark_start: {start:,.3g} s" in said[3]
    nothing = measure.recorded().iloc[:0]
    monkeypatch.setattr(measure, "recorded", lambda *names: nothing)
    assert all(line.endswith("not recorded yet") for line in tables.journey().splitlines())


# the references of the exercises


@settings(max_examples=50)
@given(st.integers(0, 60), st.integers(1, 12))
def test_rows_by_cuts_fairly(n, parts):
    class Here:
        def __init__(self):
            self.ranges = []

        def submit(self, function, start, stop):
            from concurrent.futures import Future

            self.ranges.append((start, stop))
            (future := Future()).set_result(function(start, stop))
            return future

    here = Here()
    assert REFERENCES["rows_by"](here, range, n, parts) == list(range(n))
    lengths = [stop - start for start, stop in here.ranges]
    assert len(lengths) == min(n, parts) and (not lengths or max(lengths) - min(lengths) <= 1 <= min(lengths))


@given(st.integers(1, 5_000), st.integers(1, 300))
def test_machines_bear_the_rate_with_one_down_and_no_fewer_do(rate, bears):
    machines = REFERENCES["machines_for"](rate, [(bears, 1, 10), (2 * bears, 1, 99)], 50)
    assert (machines - 1) * bears >= rate > (machines - 2) * bears


@settings(max_examples=60)
@given(st.integers(1, 400), st.floats(0, 0.3), st.floats(0, 0.05), st.integers(1, 40))
def test_architecture_takes_the_fewest_workers_that_do(rate, contention, coherency, most):
    option = {"name": "x", "one": 20, "contention": contention, "coherency": coherency, "measured": most, "euros": 0.1}
    found = REFERENCES["architecture"]([option], rate, math.inf)
    reach = [20 * n / (1 + contention * (n - 1) + coherency * n * (n - 1)) for n in range(1, most + 1)]
    if found is None:
        assert max(reach) < rate
    else:
        _, n, euros = found
        assert reach[n - 1] >= rate and all(other < rate for other in reach[: n - 1])
        assert euros == pytest.approx(73 * n)


def test_cost_of_agrees_with_the_notebook(notebook):
    table = pd.DataFrame({"one thread": [1.0, 10.0, 100.0], "Dask": [2.0, 9.0, 60.0]}, index=[1, 10, 100])
    by_the_notebook = notebook["cost"](
        table.index.to_numpy(float), table["one thread"].to_numpy(), table["Dask"].to_numpy()
    )
    assert REFERENCES["cost_of"](table, "Dask", 0.0, 1) == by_the_notebook
