"""The package stands by itself: what it imports, how it is cut, what its README shows, how often it parses."""

import ast
import doctest
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import jenkinsfile
import pytest
from jenkinsfile import groovy, pipeline, runner, vocabulary
from jenkinsfile.declarative import script, stages
from jenkinsfile.declarative.input import _FIELDS
from jenkinsfile.runner import guard
from leftovers import assert_gone, new_mark

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "jenkinsfile").rglob("*.py"))
METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCE = "pipeline { agent any\n stages { stage('a') { steps { echo 'once' } } } }"


def imported(path: Path) -> set[str]:
    """The top names of the packages that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." if node.level else str(node.module).partition(".")[0])
    return found


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = set(map(dotted, MODULES))


def arrows(path: Path) -> set[str]:
    """The modules of this package that one imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{name.name}" for name in node.names}
            found |= inner & NAMES or {str(node.module)} & NAMES
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_standard_library_and_what_is_declared_is_imported(path):
    declared = {name.partition("[")[0].replace("-", "_") for name in METADATA["dependencies"]}
    assert imported(path) <= sys.stdlib_module_names | {"jenkinsfile"} | declared


def test_it_works_where_nothing_else_is_installed():
    names = ", ".join(map(dotted, MODULES))
    code = f"import sys; sys.path.append({str(ROOT)!r}); import {names}; print(jenkinsfile.check({SOURCE!r}))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_modules_build_on_one_another_in_one_direction():
    left = {dotted(path): arrows(path) for path in MODULES if path.name != "__main__.py"}
    while free := [name for name, below in left.items() if not below & set(left)]:
        for name in free:
            del left[name]
    assert not left, f"these import one another in a circle: {sorted(left)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_and_no_class_is_large(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            assert sum(isinstance(member, ast.FunctionDef) for member in node.body) <= 20, node.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_public_has_a_docstring(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    public = [node for node in tree.body + [m for c in classes for m in c.body] if isinstance(node, ast.FunctionDef)]
    named = [tree, *classes, *(node for node in public if not node.name.startswith("_"))]
    assert [getattr(node, "name", "the module") for node in named if ast.get_docstring(node) is None] == []


def test_the_readme_shows_what_happens():
    assert doctest.testfile(str(ROOT / "README.md"), module_relative=False) == (0, 11)


def test_there_is_one_version():
    assert METADATA["dynamic"] == ["version"]
    done = subprocess.run([sys.executable, "-m", "jenkinsfile", "--version"], capture_output=True, text=True)
    assert done.stdout == jenkinsfile.__version__ + "\n"


# A source is parsed once


@pytest.fixture
def parses(monkeypatch):
    """The sources that the parser is given."""
    seen, parse = [], groovy.parse
    monkeypatch.setattr(groovy, "parse", lambda source: seen.append(source) or parse(source))
    return seen


@pytest.mark.parametrize(
    "use",
    [
        lambda folder: jenkinsfile.check(SOURCE),
        lambda folder: pipeline.read_pipeline(SOURCE),
        lambda folder: runner.run(SOURCE, folder),
        lambda folder: runner.run(pipeline.read_pipeline(jenkinsfile.examine(SOURCE)), folder),
    ],
    ids=["check", "read", "run", "check, read and run"],
)
def test_a_source_is_parsed_once(parses, tmp_path, use):
    use(tmp_path)
    assert parses == [SOURCE]


def test_faults_that_are_known_already_are_all_named():
    examined = jenkinsfile.examine("pipeline { }")
    with pytest.raises(jenkinsfile.PipelineError, match=r"has no agent[^\0]*has no stages"):
        pipeline.read_pipeline(examined)


# The tables that replace a dispatch by name


@pytest.mark.parametrize(
    ("table", "sections"),
    [
        (script._OF_THE_PIPELINE, vocabulary.PIPELINE_SECTIONS),
        (stages._OF_A_STAGE[True], vocabulary.STAGE_SECTIONS),
        (stages._OF_A_MATRIX, vocabulary.MATRIX_SECTIONS),
        (_FIELDS, vocabulary.INPUT_FIELDS),
    ],
    ids=["pipeline", "stage", "matrix", "input"],
)
def test_every_section_of_the_reference_has_its_check(table, sections):
    assert set(sections) <= set(table)


# The guard of a command


def test_without_a_proc_the_guard_asks_ps(monkeypatch):
    code = "import os; below = os.fork(); below and print(below, flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        wanted = {child.pid, int(child.stdout.readline())}
        assert wanted <= set(guard.descendants(os.getpid()))
        monkeypatch.setattr(guard, "_PROC", "/nowhere")
        assert wanted <= set(guard.descendants(os.getpid()))
    finally:
        child.communicate(b"\n\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to the guard")
def test_a_child_that_has_left_its_session_ends_with_the_step(tmp_path):
    mark = new_mark()
    steps = (
        """sh 'setsid sh -c "touch on; exec sleep 600" > seen 2>&1 & while [ ! -e on ]; do sleep 0.05; done; echo on'"""
    )
    done = runner.run(SOURCE.replace("echo 'once'", steps), tmp_path, environment=mark)
    assert done["a"].output == ["on"]
    assert_gone(mark)
