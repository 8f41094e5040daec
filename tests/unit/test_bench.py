"""The benchmark: runs a notebook for real, collects what it recorded, writes JSON."""

import json

import bench
import pytest
import runs_noted

from companion import book


@pytest.mark.slow
def test_it_measures_a_notebook_and_writes_json(tmp_path, scratch, capsys):
    assert bench.main(["start_here", "--json", str(tmp_path / "bench.json")]) == 0
    figures = {f["name"]: f for f in json.loads((tmp_path / "bench.json").read_text())["figures"]}
    assert figures["start_here.run_time"]["unit"] == "s" and figures["start_here.run_time"]["value"] > 0
    assert figures["start_here.peak_memory"]["value"] > 50, "a kernel alone takes more than that"
    assert "start_here.run_time" in capsys.readouterr().out


@pytest.mark.slow
def test_it_collects_what_a_notebook_records_and_survives_one_that_fails(tmp_path, scratch, monkeypatch, capsys):
    import nbformat

    def write(name: str, source: str) -> book.Chapter:
        cell = nbformat.v4.new_code_cell(source)
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / f"{name}.ipynb")
        return book.Chapter(".", name, name, "", "-")

    monkeypatch.setattr(bench, "NOTEBOOKS", tmp_path)
    good = write("good", "from companion import measure; measure.record('good.ratio', 2.5, 'x')")
    assert {"name": "good.ratio", "value": 2.5, "unit": "x"} in bench.run_notebook(good)
    assert bench.run_notebook(write("bad", "1 / 0")) == []
    assert "bad failed" in capsys.readouterr().err


@pytest.mark.slow
def test_connect_is_measured_in_a_fresh_interpreter(scratch, no_live_engines, monkeypatch):
    assert bench.connect_seconds("redis") > 0
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    assert bench.connect_seconds("redis") is None


def test_what_the_tests_have_noted_is_not_run_again(tmp_path, scratch, monkeypatch):
    chapter, runs = book.BOOK[0], scratch / "runs.json"
    scratch.mkdir()
    noted = {"of": runs_noted.fingerprint(bench.NOTEBOOKS / chapter.file), "seconds": 9.5, "peak_mib": 150}
    own = {"name": "a.ratio", "value": 2.5, "unit": "x"}
    runs.write_text(json.dumps({chapter.name: {**noted, "recorded": [own]}}))
    monkeypatch.setattr(bench, "run_notebook", lambda chapter: [{"name": "run again"}])
    run_time = {"name": "start_here.run_time", "value": 9.5, "unit": "s"}
    memory = {"name": "start_here.peak_memory", "value": 150, "unit": "MiB"}
    assert bench.measure_all([chapter.name]) == [run_time, memory, own]
    assert bench.measure_all([chapter.name], fresh=True) == [{"name": "run again"}]
    runs.write_text(json.dumps({chapter.name: {**noted, "of": "an older one"}}))
    assert bench.measure_all([chapter.name]) == [{"name": "run again"}], "the notebook has changed since"
    runs.write_text("broken")
    assert bench.measure_all([chapter.name]) == [{"name": "run again"}]


def test_an_unknown_notebook_is_named(capsys):
    with pytest.raises(SystemExit):
        bench.main(["nope"])
    assert "no notebook 'nope'" in capsys.readouterr().err
