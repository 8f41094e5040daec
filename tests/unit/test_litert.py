"""The runtime's refusal of what is no model, or a hostile one: an error, never a crash."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from companion.engines import litert


def test_what_is_no_model_is_refused_before_native_code_sees_it(tmp_path):
    for content in (b"PK\x03\x04 a zip file", b"", b"TFL3", b"\x1c\x00\x00\x00TFL2" * 9):
        with pytest.raises(ValueError, match="no TFL3 mark"):
            litert.interpreter(content)
    (tmp_path / "cut.tflite").write_bytes(b"\x1c\x00\x00")
    with pytest.raises(ValueError, match=r"cut\.tflite is not a TFLite model"):
        litert.interpreter(tmp_path / "cut.tflite")


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """How each model of tests/support/tflite_models.py ends, in a process that a crash would end."""
    program = Path(__file__).parents[1] / "support" / "tflite_models.py"
    scratch = tmp_path_factory.mktemp("litert")
    done = subprocess.run(
        [sys.executable, program],
        capture_output=True,
        text=True,
        cwd=scratch,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_good_model_runs_and_every_hostile_one_is_refused(tried):
    found = tried["found"]
    assert found.pop("good") == "ran"
    assert {found.pop(name) for name in ("another shape", "another type")} == {"ValueError"}
    assert found.pop("no input") == "IndexError", "the runtime takes it; whoever asks for its first input notices"
    assert len(found) == 20 and set(found.values()) == {"SettingError"}, found


def test_damaged_bytes_give_an_error_or_an_answer_which_is_why_updates_are_signed(tried):
    ended = Counter(tried["damaged"])
    assert set(ended) <= {"ran", "SettingError", "RuntimeError", "ValueError", "IndexError"}
    assert ended["ran"] > 30 and ended["SettingError"] > 30, ended
