"""A notebook that grows with data and machines has one knob, and a table of what it needs: two sizes measured, a third computed."""

import ast
import re
from types import SimpleNamespace

import further
import knobs
import navigation
import nbformat
import pytest
import sizes
from conftest import NOTEBOOKS
from dask_cluster import by_hand

from companion import book
from companion.check.place import statements
from companion.errors import DatasetError, SettingError
from companion.measure import Timing

WITH_KNOB = [chapter for chapter in book.BOOK if knobs.belongs(chapter)]
#: of a number as large as this one knows that it is the knob's, wherever it stands
TELLING = 500


@pytest.fixture(params=WITH_KNOB, ids=lambda chapter: chapter.name)
def grows(request):
    """A notebook that must have a knob."""
    return nbformat.read(NOTEBOOKS / request.param.file, as_version=4)


def with_knob(*lines: str, tags=(knobs.TAG,)):
    """A notebook with a cell of these lines."""
    cell = nbformat.v4.new_code_cell("\n".join(lines), metadata={"tags": list(tags)})
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title"), cell])


def test_what_the_distributed_and_parallel_units_have_is_on_the_list_and_who_works_as_they_do():
    names = {chapter.name for chapter in WITH_KNOB}
    assert {"dask_audio", "case_google_bert", "multiprocessing_text", "sql_partitioning", "scaling_strategy"} <= names
    assert len(names) >= 10
    assert "redis_caching" not in names
    for chapter in book.BOOK:
        source = (NOTEBOOKS / chapter.file).read_text(encoding="utf-8")
        if re.search(r"\b(?:(?:dask|spark)_engine\.connect|ProcessPoolExecutor)\(", source):
            assert chapter.name in names, f"{chapter.name} has work for more machines or processes, and no knob"


def test_it_has_one_knob_and_no_other_cell_holds_its_number(grows):
    knob = knobs.of(grows)
    assert knob.value > 0 and (knob.most is None or knob.most > knob.value)
    assert elsewhere(grows, knob.value) == []


def elsewhere(notebook, value: int) -> list[str]:
    """The lines of a lesson's code that hold the knob's number once more."""
    if value < TELLING:
        return []
    lesson = [cell for cell in notebook.cells if cell.cell_type == "code" and not cell.metadata.get("nbgrader")]
    lines = [
        cell.source.splitlines()[node.lineno - 1]
        for cell in lesson
        for node in statements(cell)
        if isinstance(node, ast.Constant) and node.value == value
    ]
    return [line for line in lines if "# more data for more machines" not in line]


def test_a_number_that_is_typed_twice_is_found():
    notebook = with_knob("ROWS = 5_000  # more data for more machines")
    notebook.cells.append(nbformat.v4.new_code_cell("x = 1\nassert len(rows) == 5000"))
    assert elsewhere(notebook, 5_000) == ["assert len(rows) == 5000"]
    notebook.cells.pop()
    assert elsewhere(notebook, 5_000) == []


@pytest.mark.parametrize(
    "notebook",
    [
        with_knob("CLIPS = 600"),
        with_knob("CLIPS = 600  # more data for more machines", tags=()),
        with_knob("CLIPS = 600  # more data for more machines", "ROWS = 6  # more data for more machines"),
        with_knob("CLIPS = 2 * 300  # more data for more machines"),
    ],
    ids=["no comment", "no tag", "two of them", "no number"],
)
def test_without_a_knob_it_is_refused(notebook):
    with pytest.raises(DatasetError, match="one cell tagged `knob`"):
        knobs.of(notebook)


def test_a_knob_is_turned_and_nothing_else():
    notebook = with_knob("from x import y", "CLIPS = 600  # more data for more machines (at most 2_000)", "z = 600")
    assert knobs.of(notebook) == knobs.Knob("CLIPS", 600, 2000)
    knobs.turn(notebook, 1_234)
    assert notebook.cells[1].source == (
        "from x import y\nCLIPS = 1_234  # more data for more machines (at most 2_000)\nz = 600"
    )
    assert knobs.of(notebook).value == 1_234


def test_its_figures_are_of_its_own_size_and_the_third_is_computed_from_the_two(grows):
    kept = grows.metadata.companion.get("sizes")
    assert kept, "no figures: python scripts/sizes.py NAME, on a machine with nothing else to do"
    assert_sound(kept, knobs.of(grows))


def assert_sound(kept, knob) -> None:
    one, two = kept["measured"]
    third = kept["computed"]
    assert one["size"] == knob.value, "the notebook's size has changed since it was measured"
    assert two["size"] >= 2 * one["size"] and third["size"] * one["size"] == two["size"] ** 2
    assert knob.most is None or third["size"] <= knob.most
    for name in ("seconds", "memory_mib", "disk_mib"):
        steps = (third["size"] - one["size"]) / (two["size"] - one["size"])
        line = max(one[name] + steps * (two[name] - one[name]), one[name], two[name])
        assert third[name] == pytest.approx(line, rel=0.01), name
    assert re.fullmatch(r"\d+ cores, \w+, \w+, \d+ GiB, Python 3\.\d+", kept["machine"])


def test_the_page_says_what_the_figures_say(grows):
    kept, cells = grows.metadata.companion["sizes"], {cell.id: cell for cell in grows.cells}
    table = cells["generated-sizes"].source
    before = grows.cells[grows.cells.index(cells["generated-sizes"]) - 1].source
    assert further.HEADING in before.splitlines()
    assert f"| `{knobs.of(grows).name}` | memory | minutes | disk |" in table
    rows = re.findall(r"^\| ([\d,]+) \| ([\d.]+) (MiB|GiB) \| ([\d.]+) \| ([\d.]+) (MiB|GiB) \| (\w+) \|$", table, re.M)
    assert [row[-1] for row in rows] == ["measured", "measured", "computed"]
    for row, figures in zip(rows, [*kept["measured"], kept["computed"]], strict=True):
        size, memory, unit, minutes, disk, disk_unit, _ = row
        assert int(size.replace(",", "")) == figures["size"]
        mib = {"MiB": 1, "GiB": 1024}
        assert float(memory) * mib[unit] == pytest.approx(figures["memory_mib"], abs=0.051 * mib["GiB"])
        assert float(disk) * mib[disk_unit] == pytest.approx(figures["disk_mib"], abs=0.051 * mib["GiB"])
        assert float(minutes) == pytest.approx(figures["seconds"] / 60, abs=0.051)
    assert kept["machine"] in table


FIGURES = {
    "machine": "2 cores, x86_64, Linux, 24 GiB, Python 3.12",
    "measured": [
        {"size": 10, "seconds": 60, "memory_mib": 500, "disk_mib": 4},
        {"size": 40, "seconds": 150, "memory_mib": 450, "disk_mib": 16},
    ],
}


def test_the_line_has_a_fixed_part_and_a_part_for_each_unit():
    third = further.at(160, FIGURES["measured"])
    assert third == {"size": 160, "seconds": 510, "memory_mib": 500, "disk_mib": 64}  # what falls is noise, and stays
    assert_sound({**FIGURES, "computed": third}, knobs.Knob("ROWS", 10))


@pytest.mark.parametrize(
    ("figures", "knob"),
    [
        ({"size": 160, "seconds": 600, "memory_mib": 500, "disk_mib": 64}, knobs.Knob("ROWS", 10)),
        ({"size": 160, "seconds": 510, "memory_mib": 500, "disk_mib": 64}, knobs.Knob("ROWS", 20)),
        ({"size": 160, "seconds": 510, "memory_mib": 500, "disk_mib": 64}, knobs.Knob("ROWS", 10, 100)),
    ],
    ids=["not on the line", "another size", "more than there is"],
)
def test_a_third_row_that_does_not_follow_is_noticed(figures, knob):
    with pytest.raises(AssertionError):
        assert_sound({**FIGURES, "computed": figures}, knob)


def test_the_tables_stand_behind_take_it_further_and_a_second_run_changes_nothing():
    notebook = with_knob("ROWS = 10  # more data for more machines")
    notebook.cells.append(nbformat.v4.new_markdown_cell("So much for that.\n\n## Take it further\n\nMore machines."))
    notebook.cells.append(nbformat.v4.new_markdown_cell("## Exercises"))
    kept = {**FIGURES, "computed": further.at(160, FIGURES["measured"])}
    swept = {"machine": "m", "job": "It", "processors": 2, "seconds": {"1": [2.0, 2.1], "2": [1.0, 1.1]}}
    notebook.metadata["companion"] = {"sizes": kept, "workers": swept}
    for _ in range(2):
        navigation.write_cells(notebook, book.BOOK[1])
        ids = [cell.id for cell in notebook.cells if cell.id.startswith("generated-")]
        assert ids == ["generated-top", "generated-facts", "generated-sizes", "generated-workers", "generated-bottom"]
    further_at = [cell.id for cell in notebook.cells].index("generated-sizes")
    assert notebook.cells[further_at - 1].source.startswith("So much") and "| 160 | 500 MiB | 8.5 |" in (
        notebook.cells[further_at].source
    )


def rounds(**seconds: float) -> dict[int, Timing]:
    """Three rounds by number of workers, with a spread of two per cent."""
    return {int(name[1:]): Timing((0.99 * s, s, 1.01 * s)) for name, s in seconds.items()}


@pytest.mark.parametrize(
    ("runs", "processors", "said"),
    [
        (
            rounds(n1=8, n2=4.4, n4=4.5, n8=4.9),
            2,
            r"^It stops at 2: 8 workers are 0\.90 times .* because .* 2 processors",
        ),
        (rounds(n1=8, n2=4.4, n4=4.5, n8=4.9), 8, r"^It stops at 2.* although .* 8 processors .*not the processors"),
        (rounds(n1=8, n2=4.4, n4=2.5, n8=1.4), 8, r"^It has not stopped at 8 workers"),
        (rounds(n1=8, n2=8.1, n4=2.5), 4, "^It has not stopped at 4 workers"),
        ({1: Timing((8, 9, 12)), 2: Timing((9, 7, 5))}, 2, r"^It stops at 1.* although .* too much from each other"),
        (rounds(n1=8, n2=9), 1, r"^It stops at 1: .* 1 processor between them, and"),
    ],
    ids=["two processors", "eight processors", "no end yet", "a step that brings nothing", "noise", "one"],
)
def test_where_it_stops_follows_from_the_runs_and_the_processors(runs, processors, said):
    assert re.search(said, further.stop(runs, processors))


def test_the_page_on_dask_says_where_more_workers_stop():
    [chapter] = [chapter for chapter in WITH_KNOB if chapter.name == "dask_audio"]
    notebook = nbformat.read(NOTEBOOKS / chapter.file, as_version=4)
    kept = notebook.metadata.companion.workers
    assert list(kept.seconds) == ["1", "2", "4", "8"] and len({len(runs) for runs in kept.seconds.values()}) == 1
    [cell] = [cell for cell in notebook.cells if cell.id == "generated-workers"]
    assert (
        further.stop({int(n): Timing(tuple(runs)) for n, runs in kept.seconds.items()}, kept.processors) in cell.source
    )


def test_workers_of_one_machine_share_its_processors():
    def cluster(*workers):
        return SimpleNamespace(run=lambda _: dict(enumerate(workers)))

    assert sizes.processors(cluster(*[("a", 2, 1)] * 8)) == 2, (
        "eight containers of one processor each, on a machine of two"
    )
    assert sizes.processors(cluster(("a", 2, 2), ("b", 4, 1), ("b", 4, 1))) == 4
    machine, there, allowed = sizes._here()
    assert machine and 1 <= allowed <= there


def test_disk_is_what_files_take_without_their_holes(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "full").write_bytes(b"x" * 2**20)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**30)
    assert 2**20 <= sizes.disk_use(tmp_path) < 2**21


@pytest.mark.slow
def test_a_notebook_runs_at_another_size(scratch):
    """The cheapest of them, really: nothing is stored, all is taken down."""
    [chapter] = [chapter for chapter in WITH_KNOB if chapter.name == "sql_partitioning"]
    before = (NOTEBOOKS / chapter.file).read_bytes()
    took = sizes.run_at(chapter, 500_000)
    assert took["size"] == 500_000 and took["seconds"] > 0
    assert took["memory_mib"] > 100, "the kernel and the database: more than a kernel alone"
    assert took["disk_mib"] > 30, "half a million rows, twice"
    assert (NOTEBOOKS / chapter.file).read_bytes() == before


def stored(folder, name: str, *sources: str) -> book.Chapter:
    """A notebook of these cells, the first of them its knob."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = [knobs.TAG]
    cells.insert(0, nbformat.v4.new_markdown_cell("## Measure"))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / f"{name}.ipynb")
    return book.Chapter(".", name, name, "", "-")


@pytest.mark.slow
def test_what_a_size_takes_is_measured_and_a_failure_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sizes.notebooks, "NOTEBOOKS", tmp_path)
    source = "from companion import workspace\nimport numpy as np, time\n(workspace('x') / 'f').write_bytes(bytes(MIB * 2**20))"
    chapter = stored(
        tmp_path, "fills", "MIB = 1  # more data for more machines", source, "x = np.ones(MIB * 2**17)\ntime.sleep(1)"
    )
    small, large = sizes.run_at(chapter, 2), sizes.run_at(chapter, 200)
    assert 150 < large["disk_mib"] - small["disk_mib"] < 250
    assert 150 < large["memory_mib"] - small["memory_mib"] < 450
    with pytest.raises(DatasetError, match=r"(?s)broken at 3: .*ZeroDivisionError"):
        sizes.run_at(stored(tmp_path, "broken", "MIB = 1  # more data for more machines", "1 / 0"), 3)


@pytest.mark.slow
def test_the_sweep_of_a_live_cluster_is_kept(tmp_path, scratch, monkeypatch):
    monkeypatch.setattr(sizes.notebooks, "NOTEBOOKS", tmp_path)
    connect = (
        "N = 1  # more data for more machines\nfrom companion import measure\n"
        "from companion.engines import dask as dask_engine\nclient = dask_engine.connect()"
    )
    sweep = (
        "for n in measure.worker_counts(len(client.ncores())):\n"
        "    measure.record(f'sweeps.workers_{n}', measure.Timing((2 / n, 2.1 / n)), 's')"
    )
    chapter = stored(tmp_path, "sweeps", connect, sweep, "raise RuntimeError('what comes behind the sweep is not run')")
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    with pytest.raises(SettingError, match="set DASK_SCHEDULER_ADDRESS"):
        sizes.on_workers(chapter)
    with by_hand(tmp_path, workers=2) as address:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
        found = sizes.on_workers(chapter)
    assert found["seconds"] == {"1": [2.0, 2.1], "2": [1.0, 1.05]} and found["processors"] >= 1
    assert found["job"] == "The work of *Measure*"
    sizes.keep(chapter, workers=found)
    kept = nbformat.read(tmp_path / "sweeps.ipynb", as_version=4).metadata.companion.workers
    assert "| 2 | 1.02 | 2.00 " in further.workers(kept)
