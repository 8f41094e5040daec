"""The Makefile: what comes from outside is text, in every variable, for every target, and arrives as it was meant."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from companion import checkout

ROOT = checkout.folder()
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)
#: what the recipes expand, and what the programs read that they call
EXPANDED = ["NAME", "CHANGED", "UNIT", "LINT", "TESTS", "REPORTS", "WORKERS", "JOBS", "FRESH", "MUTANTS", "LAB_OPTIONS"]
HANDED_ON = ["TITLE", "UNIT_TITLE", "TAG", "TARGET", "WHERE", "SCAN", "SERVICES", "CONTEXT", "STATE", "BASE_IMAGE"]
ATTACKS = {
    "make's shell": "$(shell touch {0})",
    "in braces": "${{shell touch {0}}}",
    "make's file": "$(file >{0},x)",
    "make's eval": "$(eval $(shell touch {0}))",
    "a second command": "a; touch {0}",
    "out of the quotes": '"; touch {0}; "',
    "out of single quotes": "'; touch {0}; '",
    "a background": "a & touch {0} &",
    "a pipe": "a | touch {0}",
    "backquotes": "`touch {0}`",
    "the shell's own": "$$(touch {0})",
    "a redirection": "a > {0}",
    "a second line": "a\ntouch {0}",
    "a substitution of a substitution": "$$(shell touch {0})",
}
_PROGRAM = '#!/bin/sh\nfor word; do printf "<%s>" "$word" >>calls; done\necho >>calls\n'


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A folder with the Makefile and nothing else that is real: every program notes its arguments, and does nothing."""
    folder = tmp_path_factory.mktemp("a make")
    (folder / "Makefile").write_text(MAKEFILE)
    for program in (".venv/bin/python", ".venv/bin/uv", "scripts/setup.sh", "scripts/cluster.sh"):
        (folder / program).parent.mkdir(parents=True, exist_ok=True)
        (folder / program).write_text(_PROGRAM)
        (folder / program).chmod(0o755)
    return folder


def make(copy: Path, *words: str, **variables: str) -> tuple[subprocess.CompletedProcess, str]:
    """Run make in that folder; what it said, and the calls that it made."""
    (copy / "calls").unlink(missing_ok=True)
    env = {k: v for k, v in os.environ.items() if k not in (*EXPANDED, *HANDED_ON, "MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(["make", *words], cwd=copy, env={**env, **variables}, capture_output=True, text=True)
    calls = copy / "calls"
    return done, calls.read_text() if calls.exists() else ""


def without_clean() -> list[str]:
    return [target for target in TARGETS if target != "clean"]


@pytest.mark.parametrize("name", EXPANDED + HANDED_ON)
def test_no_variable_is_a_way_in(copy, tmp_path, name):
    for number, (what, attack) in enumerate(ATTACKS.items()):
        for way in ("environment", "command line"):
            made = tmp_path / f"made{number}"
            value = attack.format(made)
            words = [f"{name}={value}"] if way == "command line" else []
            done, _ = make(copy, "-k", *without_clean(), *words, **({} if words else {name: value}))
            assert not made.exists(), f"{what} in {name}, by the {way}"
            if name in EXPANDED:
                assert done.returncode == 2, (what, way)
                assert f"{name} is refused" in done.stderr, (what, way)


@pytest.mark.parametrize("target", without_clean())
def test_no_target_is_a_way_in(copy, tmp_path, target):
    made = tmp_path / "made"
    for attack in ("$(shell touch {0})", "a; touch {0}"):
        make(copy, target, **dict.fromkeys(HANDED_ON, attack.format(made)))
        assert not made.exists()
        make(copy, "-n", target, NAME=attack.format(made))
        assert not made.exists(), "make -n expands as well"


def test_a_variable_of_any_name_is_not_expanded_from_the_command_line(copy, tmp_path):
    done, _ = make(copy, "help", f"ANYTHING=$(shell touch {tmp_path / 'made'})")
    assert "ANYTHING is refused" in done.stderr
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["NAME", "UNIT", "CHANGED", "LINT", "TESTS", "REPORTS"])
def test_an_option_is_no_name(copy, name):
    for value in ("--collect-only", "dask_audio -x", "-p evil"):
        done, _ = make(copy, "compare", **{name: value})
        assert f"{name} is refused" in done.stderr, value


def test_a_name_is_no_path(copy):
    for value in ("../../etc", "a/b", "a.b", "*", "a?"):
        assert "NAME is refused" in make(copy, "compare", NAME=value)[0].stderr, value


def test_no_variable_is_forgotten():
    """What a recipe expands is checked, or made by the Makefile itself."""
    used = set(re.findall(r"\$[({]([A-Z][A-Z_]*)", MAKEFILE))
    own = set(re.findall(r"^(?:export )?([A-Z_]+) *:?=", MAKEFILE, re.MULTILINE)) | {"NEWLINE", "CURDIR"}
    ours = {"LINT", "WORKERS", "TESTS"}  # have a default, and may come from outside
    assert used - (own - ours) <= set(EXPANDED)


@pytest.mark.parametrize(
    ("words", "called"),
    [
        (["compare", "NAME=dask_audio redis_cache"], "<notebooks/*/dask_audio.ipynb><notebooks/*/redis_cache.ipynb>"),
        (["compare"], "<notebooks>"),
        (["unit", "TESTS=tests/unit/test_draw.py::test_a tests/unit/test_b.py"], "<tests/unit/test_draw.py::test_a><tests/unit/test_b.py>"),
        (["unit", "REPORTS=.workspace/reports"], "<--junitxml=.workspace/reports/unit.xml>"),
        (["lint", "LINT=companion scripts"], "<check><companion><scripts>"),
        (["test", "CHANGED=origin/main"], "<--changed><origin/main>"),
        (["test", "CHANGED=HEAD~2"], "<--changed><HEAD~2>"),
        (["release", "UNIT=01-distributed-computing"], "<scripts/release.py><01-distributed-computing>"),
        (["grade", "UNIT=05-auto-scaling", "JOBS=2"], "<05-auto-scaling><--jobs><2>"),
        (["unit", "WORKERS=auto"], "<-n><auto>"),
        (["new", "UNIT=a", "NAME=b", "TITLE=It's \"so\"; a & b", "UNIT_TITLE="], "<--title><It's \"so\"; a & b><--unit-title><>"),
        (["lab", "LAB_OPTIONS=--no-browser --ServerApp.token=''"], "<--no-browser><--ServerApp.token=>"),
        (["mutants", "NAME=kubernetes_hpa", "MUTANTS=--jobs=2"], "<scripts/mutants.py><kubernetes_hpa><--jobs=2>"),
    ],
)  # fmt: skip
def test_what_is_meant_arrives(copy, words, called):
    done, calls = make(copy, *words)
    assert done.returncode == 0, done.stderr
    assert called in calls


def test_a_folder_may_be_called_what_it_is_called(copy):
    """What make does not expand it hands on as it is: a reader's folder may hold a dollar or a quote."""
    done, _ = make(copy, "images", STATE="/home/a b/it's $5/état")
    assert done.returncode == 0, done.stderr
