"""Every notebook from top to bottom under strict nbval, in a process of its own: the outputs are those stored, nothing is left."""

import os
import subprocess
import sys

import pytest
from conftest import NOTEBOOKS, missing_engines
from watch import watched

from companion import checkout

pytestmark = pytest.mark.slow


def nbval(path, environment: dict[str, str]) -> subprocess.CompletedProcess:
    """``pytest --nbval`` on one notebook, with the project's settings."""
    # parallel workers tell their children whom they report to; this run reports to nobody
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--nbval",
            "-q",
            "-p",
            "graceful_end",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            str(path),
        ],
        cwd=NOTEBOOKS.parent,
        env={**inherited, **environment, "PYTHONPATH": str(checkout.folder("tests/support"))},
        capture_output=True,
        text=True,
    )


def test_it_runs_as_stored_and_leaves_nothing_behind(chapter, scratch):
    if missing := missing_engines(chapter.engines):
        pytest.skip(f"{chapter.name} needs {missing[0]}")
    with watched(scratch) as environment:
        done = nbval(NOTEBOOKS / chapter.file, environment)
    print(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_a_changed_output_is_found(tmp_path):
    """Prove by breaking: the comparison is a strict one."""
    import nbformat

    cell = nbformat.v4.new_code_cell("print(1 + 1)", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="3\n")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = tmp_path / "wrong.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), path)
    done = nbval(path, {})
    assert done.returncode == 1 and "1 failed" in done.stdout


def test_what_is_left_behind_is_named(scratch, tmp_path):
    """Prove by breaking: a process, and a file outside the scratch folder."""
    start = [sys.executable, "-c", "import subprocess as s; s.Popen(['sleep', '600'], start_new_session=True)"]
    with pytest.raises(AssertionError, match=r"left behind:\n\d+ sleep 600"), watched(scratch) as environment:
        subprocess.run(start, env={**os.environ, **environment}, check=True)
    write = [sys.executable, "-c", "import pathlib; (pathlib.Path.home() / 'x').touch()"]
    with pytest.raises(AssertionError, match="files outside"), watched(scratch) as environment:
        subprocess.run(write, env={**os.environ, **environment}, check=True)
