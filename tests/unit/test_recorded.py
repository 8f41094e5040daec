"""The book's own figures: kept when outputs are made, read by name, each with its machine."""

import json
import re

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

import notebooks
from companion import book, measure
from companion.check.stored import MACHINE_PATH
from companion.errors import DatasetError, SettingError


def write(path, *sources: str, **kept):
    """A notebook of these cells, with these figures of an earlier run."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"companion": kept}), path)
    return path


def kept_in(path) -> dict:
    return json.loads(path.read_text())["metadata"]["companion"]


@pytest.mark.slow
def test_what_a_notebook_records_is_kept_and_what_is_stale_goes(tmp_path, capsys):
    cells = (
        "from companion import measure\nmeasure.record('one.ratio', 1, 'x'); measure.record('one.rows', 123456)",
        "measure.record('one.ratio', 2.34567, 'x'); measure.record('one.broken', float('nan'), 's')",
        "measure.record('one.loop', measure.Timing((0.5, 0.12345, 9)), 's')",
    )
    path = write(tmp_path / "one.ipynb", *cells, recorded=[{"name": "one.gone", "value": 1, "unit": ""}], machine="old")
    notebooks.run(path)
    kept = kept_in(path)
    assert kept["recorded"] == [
        {"name": "one.ratio", "unit": "x", "value": 2.35},  # the last of the two
        {"name": "one.rows", "unit": "", "value": 123000.0},
        {"name": "one.loop", "unit": "s", "value": 0.5, "runs": [0.5, 0.123, 9.0]},
    ]
    assert kept["machine"] == notebooks.machine() and kept["seconds"] % 5 == 0
    assert "one.broken is no number" in capsys.readouterr().err
    write(path, "print(1)", **kept)
    notebooks.run(path)
    assert set(kept_in(path)) == {"seconds"}, "it records nothing now, and its old figures are nobody's"


def test_without_a_run_what_is_known_stays(tmp_path):
    notebook = nbformat.v4.new_notebook(metadata={"companion": {"seconds": 5, "machine": "m", "recorded": [1]}, "x": 1})
    notebooks.normalise(notebook)
    assert (
        notebook.metadata.companion == {"seconds": 5, "machine": "m", "recorded": [1]} and "x" not in notebook.metadata
    )


def test_the_machine_is_described_and_not_named():
    said = notebooks.machine()
    assert re.fullmatch(r"\d+ cores, \w+, \w+, \d+ GiB, Python 3\.\d+", said)
    assert not MACHINE_PATH.search(said)


@given(st.floats(min_value=1e-9, max_value=1e12))
def test_three_digits_are_within_half_a_percent(number):
    rounded = notebooks._three_digits(number)
    assert abs(rounded - number) <= 0.005 * number
    assert notebooks._three_digits(rounded) == rounded


@pytest.fixture
def two_notebooks(tmp_path, monkeypatch):
    first = [
        {"name": "a.x", "value": 2.0, "unit": "x"},
        {"name": "a.t", "value": 3.0, "unit": "s", "runs": [3.0, 4.0, 1.0]},
    ]
    write(tmp_path / "a.ipynb", recorded=first, machine="2 cores")
    write(tmp_path / "b.ipynb", recorded=[{"name": "b.y", "value": 7.0, "unit": ""}], machine="8 cores")
    write(tmp_path / "c.ipynb", seconds=5)
    chapters = [book.Chapter(".", name, name, "", "-") for name in "abcd"]  # d is not written yet
    monkeypatch.setattr(book, "BOOK", chapters)
    monkeypatch.setattr(book, "folder", lambda: tmp_path)


def test_figures_are_read_with_their_machines(two_notebooks):
    table = measure.recorded()
    assert list(table.index) == ["a.x", "a.t", "b.y"]
    assert table["machine"].tolist() == ["2 cores", "2 cores", "8 cores"]
    assert table["notebook"].tolist() == ["a", "a", "b"]
    assert table["runs"].tolist() == [(2.0,), (3.0, 4.0, 1.0), (7.0,)]
    assert list(measure.recorded("b.y", "a.x").index) == ["b.y", "a.x"]
    assert measure.runs_of("a.t") == measure.Timing((3.0, 4.0, 1.0))
    assert measure.runs_of("a.t").median == 3.0


def test_a_figure_that_nobody_recorded_is_refused_with_what_there_is(two_notebooks):
    with pytest.raises(SettingError, match=r"no notebook has recorded 'a\.z'; there is a\..*make notebooks NAME=a`"):
        measure.recorded("a.x", "a.z")
    with pytest.raises(SettingError, match="nothing of a similar name"):
        measure.runs_of("zzzzzzzzz")


def test_without_notebooks_there_are_no_figures(monkeypatch):
    monkeypatch.setattr(book, "folder", lambda: None)
    with pytest.raises(DatasetError, match="work in a checkout"):
        measure.recorded()


def test_a_timing_is_recorded_with_its_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("COMPANION_RECORD", str(tmp_path / "lines"))
    measure.record("x.t", measure.Timing((3.0, 1.0, 2.0)), "s")
    assert json.loads((tmp_path / "lines").read_text()) == {
        "name": "x.t",
        "value": 2.0,
        "unit": "s",
        "runs": [3.0, 1.0, 2.0],
    }
