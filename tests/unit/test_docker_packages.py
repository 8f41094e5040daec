"""``docker/`` is a package root: what stands there is imported as it is installed, and imports nothing of the book."""

import ast
import importlib.util
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from recommender.catalogue import load

from companion import checkout

ROOT = checkout.folder()
SERVICES = ("model_server", "nlp_service", "recommender", "serving")
#: what puts a module into a scratch folder, where other processes, or this test, have to find it
IN_SCRATCH = {
    "modules.py",
    "multiprocessing_images.ipynb",
    "multiprocessing_text.ipynb",
    "test_modules.py",
    "test_sklearn_fraud.py",
}


def sources() -> Iterator[tuple[str, str]]:
    """Every Python file of the repository, and every code cell; magics and shell lines are no Python."""
    for folder in ("companion", "docker", "jenkins", "k8s", "packages", "scripts", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            yield path.name, path.read_text()
    for path in (ROOT / "notebooks").rglob("*.ipynb"):
        if "checkpoint" not in path.name:
            for cell in json.loads(path.read_text())["cells"]:
                if cell["cell_type"] == "code" and "%%" not in (text := "".join(cell["source"])):
                    yield path.name, re.sub(r"^(\s*)[%!]", r"\1# ", text, flags=re.MULTILINE)


def changes_sys_path(tree: ast.AST) -> bool:
    """Whether code assigns to ``sys.path`` or calls a method of it; reading it changes nothing."""

    def is_path(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "path" and getattr(node.value, "id", "") == "sys"

    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [getattr(node, "target", None)]
        for target in targets:
            if target is not None and any(map(is_path, ast.walk(target))):
                return True
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute) and (is_path(function.value) or function.attr == "syspath_prepend"):
                return True
    return False


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; sys.path.insert(0, 'docker')", True),
        ("import sys; sys.path[:0] = ['docker']", True),
        ("import sys; sys.path += ['docker']", True),
        ("import sys; sys.path = []", True),
        ("import sys; del sys.path[0]", True),
        ("import sys; print(sys.path, sys.argv)", False),
        ("import os; os.path.join('a')", False),
    ],
)
def test_an_edit_is_told_from_a_look(code, expected):
    assert changes_sys_path(ast.parse(code)) == expected


def test_nothing_edits_sys_path_to_reach_what_is_installed():
    found = {name for name, text in sources() if "sys" in text and changes_sys_path(ast.parse(text))}
    assert found == IN_SCRATCH, "import the installed package"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_an_installed_package_of_this_checkout(name):
    spec = importlib.util.find_spec(name)
    assert Path(spec.origin) == ROOT / "docker" / name / "__init__.py"


def test_data_files_travel_with_their_package():
    assert {"products.csv", "schema.sql"} <= {entry.name for entry in files("recommender.catalogue").iterdir()}
    rows = load.read(files("recommender.catalogue") / "products.csv")
    assert len(rows) == 60 and rows[0] == (0, "Product 0 of aisle 16", 16, 1068)


def test_services_import_nothing_of_the_book():
    for path in (ROOT / "docker").rglob("*.py"):
        modules = {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        }
        training = path.name == "train.py"  # is in no image, and simulates its data
        assert training or "companion" not in modules, path
        if training:
            assert "from companion.datasets import" in path.read_text(), path
