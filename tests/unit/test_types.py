"""The types of every source, as `make lint` checks them: a test, so that a whole run does it beside the others and not before them."""

import subprocess
import sys

import pytest

from companion import checkout


def mypy(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mypy", *arguments]
    return subprocess.run(command, cwd=checkout.folder(), capture_output=True, text=True)


@pytest.mark.slow
def test_the_types_hold():
    done = mypy()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_wrong_type_is_found(tmp_path):
    """Prove by breaking: by the same settings, which are those of the checkout."""
    (tmp_path / "wrong.py").write_text("from companion.measure import Timing\n\nTiming((1.0,)).median + 'a second'\n")
    done = mypy(str(tmp_path / "wrong.py"))
    assert done.returncode == 1 and "Unsupported operand" in done.stdout, done.stdout + done.stderr
