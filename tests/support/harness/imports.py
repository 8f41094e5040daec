"""Which of the project's files a test or a notebook stands on: by its imports, and by the files that it names."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

#: (folder on the import path, packages or modules below it); None for every module directly in the folder
_ROOTS = (
    ("", ("companion", "docker")),
    ("docker", None),
    ("packages/jenkinsfile", ("jenkinsfile",)),
    ("scripts", None),
    ("tests", ("conftest",)),
    ("tests/support", None),
    ("tests/notebooks", None),
    ("tests/unit", None),
    ("tests/engines", None),
)
_IMPORT = re.compile(r"\b(?:from\s+([\w.]+)\s+import\s+\(?([\w, ]+)|import\s+([\w.]+(?:\s*,\s*[\w.]+)*))")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)+")
_FILE = re.compile(r"[\w./-]+")


@dataclass
class Uses:
    """What one source mentions: names that it imports, texts that may be names of files, names with one dot that it uses."""

    imports: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


def without_docstrings(tree: ast.AST) -> ast.AST:
    """The same tree without the strings that document it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body[0] = ast.Pass()
    return tree


def uses(source: str, package: str = "") -> Uses:
    """Read a Python source, also the sources that stand in its strings (a test writes programs that it starts)."""
    found = Uses()
    try:
        tree = without_docstrings(ast.parse(source))
    except SyntaxError:  # a cell with a magic, a file that is broken: its words have to do
        _from_text(source, found)
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            found.imports |= {f"{base}.{alias.name}" for alias in node.names} | {base}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            _from_text(node.value, found)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _is_text(node.right):
            found.texts.add(f"{node.right.value}/")
        elif isinstance(node, ast.Call) and node.args and _is_text(node.args[0]) and _called(node) == "folder":
            found.texts.add(f"{node.args[0].value}/")
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.names.add(f"{node.value.id}.{node.attr}")
    return found


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _from_text(text: str, found: Uses) -> None:
    if len(text) > 100_000:
        return
    for base, names, plain in _IMPORT.findall(text):
        if base:
            found.imports |= {base, *(f"{base}.{name.split()[0]}" for name in names.split(",") if name.strip())}
        else:
            found.imports |= {name.strip() for name in plain.split(",")}
    found.imports |= set(_DOTTED.findall(text))
    found.texts |= set(_FILE.findall(text))


class Project:
    """The project's sources and how they hang together.

    Args:
        root: the checkout.
        files: its files, as paths with forward slashes below the root.
        probed: whether asking all engines how they are means to stand on each of them.
    """

    def __init__(self, root: Path, files: list[str], *, probed: bool = True):
        self.root, self.files, self.probed = root, sorted(files), probed
        self._uses: dict[str, Uses] = {}
        self._closures: dict[str, frozenset[str]] = {}

    @cached_property
    def modules(self) -> dict[str, str]:
        """The file of each module by its dotted name."""
        found = {}
        for folder, packages in _ROOTS:
            prefix = f"{folder}/" if folder else ""
            for path in self.files:
                if not path.endswith(".py") or not path.startswith(prefix):
                    continue
                below = path[len(prefix) : -len(".py")]
                first = below.split("/")[0]
                if (
                    first in packages
                    if packages
                    else ("/" not in below or f"{prefix}{first}/__init__.py" in self.files)
                ):
                    found.setdefault(below.removesuffix("/__init__").replace("/", "."), path)
        return found

    def text(self, path: str) -> str:
        """A Python file, or the code cells of a notebook."""
        raw = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return raw if path.endswith(".py") else "\n".join(code_of(raw))

    def uses(self, path: str) -> Uses:
        if path not in self._uses:
            if path.endswith(".ipynb"):
                cells = code_of((self.root / path).read_text(encoding="utf-8"))
                parts = [uses(cell) for cell in cells]
                self._uses[path] = Uses(
                    *(set().union(*(getattr(p, f) for p in parts)) for f in ("imports", "texts", "names"))
                )
            else:
                package = path.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
                if not path.endswith("/__init__.py"):
                    package = package.rpartition(".")[0]
                self._uses[path] = uses(self.text(path), package)
        return self._uses[path]

    def imported(self, path: str) -> set[str]:
        """The project's files that a file imports itself, with the packages around them."""
        found = set()
        for name in self.uses(path).imports:
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                if module := self.modules.get(".".join(parts[:length])):
                    found.add(module)
        if self.probed and "engines.probe" in self.uses(path).names:
            found |= {file for module, file in self.modules.items() if module.startswith("companion.engines.")}
        return found - {path, "tests/conftest.py"}

    def closure(self, path: str) -> frozenset[str]:
        """The file, and all that it stands on."""
        if path not in self._closures:
            found, todo = {path}, [path]
            while todo:
                new = self.imported(todo.pop()) - found
                found |= new
                todo += new
            self._closures[path] = frozenset(found)
        return self._closures[path]

    def names_file(self, path: str, file: str) -> bool:
        """Whether a source names a file: by its name, by its path, or by a folder that it lies in.

        The word alone is no folder (``docker`` is an engine's name as well): it has to be asked of ``folder()``, or joined to a path.
        """
        texts = self.uses(path).texts
        name = file.rpartition("/")[2]
        parts = file.split("/")
        above = {"/".join(parts[:n]) for n in range(1, len(parts)) if parts[0] != "notebooks"}
        folders = {f"{folder}/" for folder in above} | {folder for folder in above if "/" in folder}
        return any(text == name or text.endswith(f"/{name}") or text.removeprefix("./") in folders for text in texts)


def code_of(notebook: str) -> list[str]:
    """Sources of a notebook's code cells."""
    return ["".join(cell["source"]) for cell in json.loads(notebook)["cells"] if cell["cell_type"] == "code"]


def same_code(old: str, new: str) -> bool:
    """Whether two Python sources differ in nothing that runs: comments, layout and docstrings don't count."""
    try:
        trees = [ast.dump(without_docstrings(ast.parse(source))) for source in (old, new)]
    except SyntaxError:
        return False
    return trees[0] == trees[1]
