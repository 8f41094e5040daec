"""Every notebook from top to bottom under strict nbval, once, in a process of its own: the outputs are those stored, nothing is left.

What else one run tells is noted for the closing report and for `make bench`: its seconds, its peak memory, what it has measured.
"""

import os
import subprocess
import sys

import pytest
import runs_noted
from conftest import NOTEBOOKS, missing_engines
from harness import report, runs
from watch import watched

pytestmark = pytest.mark.slow


def test_it_runs_as_stored_and_leaves_nothing_behind(chapter, scratch, record_property):
    if missing := missing_engines(chapter.engines):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    path = NOTEBOOKS / chapter.file
    with watched(scratch) as environment:
        done = runs.nbval(path, environment)
    assert done.returncode == 0, done.said
    figures = {"seconds": done.seconds, "peak_mib": done.peak_mib, "recorded": list(done.recorded)}
    record_property(report.FIGURES, {"name": chapter.name, "of": runs_noted.fingerprint(path), **figures})


@pytest.fixture
def book_of_one(tmp_path):
    """Writes a notebook of one cell with a stored output."""
    import nbformat

    def write(source: str, text: str):
        cell = nbformat.v4.new_code_cell(source, execution_count=1)
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        path = tmp_path / "one.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), path)
        return path

    return write


def test_a_changed_output_is_found(book_of_one):
    """Prove by breaking: the comparison is a strict one."""
    done = runs.nbval(book_of_one("print(1 + 1)", "3\n"), {})
    assert done.returncode == 1 and "1 failed" in done.said


def test_a_run_is_measured_with_all_its_processes(book_of_one):
    source = (
        "import subprocess, sys, time\nfrom companion import measure\n"
        "child = subprocess.Popen([sys.executable, '-c', 'x = bytearray(400 << 20); print(len(x), flush=True); input()'], "
        "stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); time.sleep(2.5); child.communicate(b'\\n')\n"  # two looks at the memory and more
        "measure.record('one.ratio', 2.5, 'x'); print('done')"
    )
    done = runs.nbval(book_of_one(source, "done\n"), {})
    assert done.returncode == 0, done.said
    assert done.seconds >= 2.5 and done.peak_mib > 400
    assert done.recorded == ({"name": "one.ratio", "value": 2.5, "unit": "x"},)


def test_what_is_left_behind_is_named(scratch, tmp_path):
    """Prove by breaking: a process, and a file outside the scratch folder."""
    start = [sys.executable, "-c", "import subprocess as s; s.Popen(['sleep', '600'], start_new_session=True)"]
    with pytest.raises(AssertionError, match=r"left behind:\n\d+ sleep 600"), watched(scratch, grace=1) as environment:
        subprocess.run(start, env={**os.environ, **environment}, check=True)
    write = [sys.executable, "-c", "import pathlib; (pathlib.Path.home() / 'x').touch()"]
    with pytest.raises(AssertionError, match="files outside"), watched(scratch) as environment:
        subprocess.run(write, env={**os.environ, **environment}, check=True)
