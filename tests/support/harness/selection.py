"""What a run is about: everything, one notebook, or what a change can touch. Says what it has chosen and why."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from companion.book import BOOK, Chapter, chapter
from harness.imports import Project, code_of, same_code

#: what all tests stand on
_EVERYTHING = (
    "Makefile",
    "pyproject.toml",
    "requirements.lock",
    ".python-version",
    "tests/conftest.py",
    "tests/support/",
    ".ci/",
)
_FOLDERS = (
    "cloudformation",
    "companion",
    "data",
    "docker",
    "jenkins",
    "k8s",
    "notebooks",
    "packages",
    "scripts",
    "tests",
)
#: the files that hold a check of every notebook, one item a notebook
_PER_NOTEBOOK = "tests/notebooks/"
#: of those, what looks at the stored text of a notebook and runs nothing
RULES = ("test_notebooks.py", "test_navigation.py", "test_prose.py", "test_verdicts.py")
#: what a notebook stands on that is not the book's common ground
_ROOMS = (
    "companion/engines/",
    "companion/datasets/",
    "companion/simulate/",
    "companion/configs/",
    "companion/labs/",
    "docker/",
    "packages/",
)
#: the harness' own tests name notebooks as examples
_ITS_OWN = ("tests/unit/test_harness.py", "tests/unit/test_selection.py")
_ANSWERS = "tests/notebooks/answers/"
#: a file of tests that imports more modules of rooms, or packages, is about what they have in common
_FEW = 2


@dataclass
class Selection:
    """What is to run.

    Attributes:
        everything: the reason for running all; empty when it is a choice.
        files: chosen files of tests, each with its reason.
        parts: files of which only the tests that name one of these words run, as ``[dask]`` or ``test_dask_...``.
        notebooks: chosen notebooks by name, each with its reason.
        rules_only: those of them of which only the text has changed.
        uncounted: changed files that change nothing that runs.
    """

    everything: str = ""
    files: dict[str, str] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    notebooks: dict[str, str] = field(default_factory=dict)
    rules_only: set[str] = field(default_factory=set)
    uncounted: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.everything or self.files or self.parts or self.notebooks)

    def takes(self, path: str, name: str | None, test: str | None = None) -> bool:
        """Whether a test runs: by its file, by the notebook that it is about, if it is about one, and by its own name; without a
        test's name, whether any of the file may."""
        if self.everything or path in self.files:
            return True
        if path in self.parts:
            return test is None or any(word in test for word in self.parts[path])
        if name not in self.notebooks or not path.startswith(_PER_NOTEBOOK):
            return False
        return name not in self.rules_only or path.rpartition("/")[2] in RULES

    def lines(self) -> list[str]:
        """What was chosen and why."""
        if self.everything:
            return [f"everything: {self.everything}"]
        lines = []
        for name, reason in self.notebooks.items():
            what = "the rules for the text of" if name in self.rules_only else "everything about"
            lines.append(f"{what} {name}: {reason}")
        lines += [f"{path}: {reason}" for path, reason in self.files.items()]
        lines += [f"{path}: what names {' or '.join(words)}" for path, words in self.parts.items()]
        lines += [f"does not count: {path} (only comments, docstrings or layout)" for path in self.uncounted]
        return lines or ["nothing: no file has changed that a test stands on"]

    def dumped(self) -> dict:
        return {**vars(self), "rules_only": sorted(self.rules_only)}

    @classmethod
    def loaded(cls, dumped: dict) -> Selection:
        return cls(**{**dumped, "rules_only": set(dumped["rules_only"])})


def tests_of(project: Project) -> list[str]:
    """The files of tests."""
    return [
        p for p in project.files if p.rpartition("/")[2].startswith("test_") and p.endswith(".py") and "tests/" in p
    ]


def about(names: list[str], project: Project) -> Selection:
    """Everything about some notebooks: each check of them, and the tests that name them or what only they stand on.

    Raises:
        KeyError: there is no such notebook.
    """
    chosen, project = Selection(), Project(project.root, project.files, probed=False)
    for name in names:
        entry = chapter(name)
        chosen.notebooks[name] = "asked for"
        own = own_modules(entry, project)
        words = {name, *(_word(module) for module in own)}
        for path in tests_of(project):
            if path.startswith(_PER_NOTEBOOK) or path in _ITS_OWN:
                continue
            imported = project.imported(path)
            named = [c.name for c in BOOK if c.name in project.uses(path).texts]
            shared = sorted(own & imported)
            subjects = [word for word in words if f"_{word}_" in path.rpartition("/")[2].replace(".py", "_")]
            if name in subjects or named == [name]:
                chosen.files.setdefault(path, f"names {name}")
            elif shared and (subjects or len({_whole(module) for module in rooms(imported)}) <= _FEW):
                chosen.files.setdefault(path, f"imports {shared[0]}, as {name} does")
            elif shared or name in named:  # about several: what it says of this one
                chosen.parts[path] = sorted({*words, *chosen.parts.get(path, ())})
    for path in set(chosen.parts) & set(chosen.files):
        del chosen.parts[path]
    return chosen


def own_modules(entry: Chapter, project: Project) -> set[str]:
    """The engines, data sets and other modules of rooms that the notebook's cells import themselves."""
    return rooms(project.imported(f"notebooks/{entry.file}"))


def rooms(imported: set[str]) -> set[str]:
    """Those of the imported modules that lie in a room."""
    # .../engines/, not .../dask/
    around = {path for path in imported if path.endswith("/__init__.py") and path.count("/") <= 2}
    return {path for path in imported - around if path.startswith(_ROOMS)}


def _whole(module: str) -> str:
    """What a module is a part of, where a package is one thing: ``companion/engines/dask``, ``packages/jenkinsfile``."""
    parts = module.removesuffix(".py").split("/")
    return "/".join(parts[: 3 if parts[0] == "companion" else 2])


def _word(module: str) -> str:
    """What tests call a module: ``dask`` for .../engines/dask/__init__.py."""
    return module.removesuffix("/__init__.py").rpartition("/")[2].removesuffix(".py")


def touched_by(changes: dict[str, str | None], project: Project) -> Selection:
    """What a change can touch.

    Args:
        changes: the text of each changed file before the change, by its path; None where it is new or no text.
        project: the files as they are now.
    """
    chosen, counted = Selection(), {}
    for path, old in sorted(changes.items()):
        if why := _reason_for_everything(path):
            return Selection(everything=why)
        if _counts(path, old, project, chosen):
            counted[path] = old
    sources = [*tests_of(project), *(f"notebooks/{c.file}" for c in BOOK if f"notebooks/{c.file}" in project.files)]
    for path in counted:
        if path.endswith(".py") and path not in project.files:
            return Selection(everything=f"{path} is gone, and who still needs it can't be told by imports")
        reached = [source for source in sources if _reaches(source, path, project)]
        if not any(path in project.closure(s) or _names(s, path, project) for s in reached) and not _is_prose(path):
            return Selection(everything=f"no source names {path}, so anything may read it")
        for source in reached:
            _choose(source, f"{path} has changed", chosen)
    return chosen


def _reason_for_everything(path: str) -> str:
    for known in _EVERYTHING:
        if path == known or (known.endswith("/") and path.startswith(known)):
            return f"all tests stand on {path}"
    return ""


def _is_prose(path: str) -> bool:
    return path.endswith((".md", ".cff")) or path in ("LICENSE", ".gitignore", ".editorconfig")


def _counts(path: str, old: str | None, project: Project, chosen: Selection) -> bool:
    """Whether a change goes on to those who stand on the file; notebooks and answers are dealt with here."""
    here = path in project.files
    if path.startswith(_ANSWERS):
        name = path.rpartition("/")[2].removesuffix(".py")
        if here and any(c.name == name for c in BOOK):
            chosen.notebooks.setdefault(name, f"{path} has changed")
        return not here
    if path.endswith(".ipynb"):
        new = (project.root / path).read_text(encoding="utf-8") if here else None
        for entry in BOOK:
            if path == f"notebooks/{entry.file}" and new is not None:
                chosen.notebooks[entry.name] = "the notebook has changed"
                if old is not None and cells_that_run(old) == cells_that_run(new):
                    chosen.rules_only.add(entry.name)
                return bool(old is None or code_of(old) != code_of(new))
        return True
    if (
        path.endswith(".py")
        and old is not None
        and here
        and same_code(old, (project.root / path).read_text(encoding="utf-8"))
    ):
        chosen.uncounted.append(path)
        return False
    return True


def cells_that_run(notebook: str) -> list[tuple]:
    """What nbval, nbgrader and the exercises see of a notebook: its code cells, with their outputs and their marks."""
    cells = json.loads(notebook)["cells"]
    return [
        ("".join(c["source"]), json.dumps([c.get("outputs"), c["metadata"]], sort_keys=True))
        for c in cells
        if c["cell_type"] == "code" or "nbgrader" in c["metadata"]
    ]


def _reaches(source: str, changed: str, project: Project) -> bool:
    closure = project.closure(source)
    # a test that goes through all files of the checkout
    if "ls-files" in project.uses(source).texts and not source.endswith(".ipynb"):
        return True
    return changed in closure or _names(source, changed, project)


def _names(source: str, changed: str, project: Project) -> bool:
    return any(project.names_file(path, changed) for path in project.closure(source))


def _choose(source: str, reason: str, chosen: Selection) -> None:
    if source.endswith(".ipynb"):
        name = source.rpartition("/")[2].removesuffix(".ipynb")
        chosen.notebooks.setdefault(name, reason)
        if reason != "the notebook has changed":
            chosen.rules_only.discard(name)
    else:
        chosen.files.setdefault(source, reason)


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise ValueError(done.stderr.strip() or f"git {arguments[0]} failed")
    return done.stdout


def project_files(root: Path) -> list[str]:
    """The files that belong to the project, also those that git does not know yet; of a copy without git those of its folders."""
    if not (root / ".git").exists():
        known = [root, *(path for path in root.iterdir() if path.is_dir() and path.name in _FOLDERS)]
        found = [path for folder in known for path in (folder.iterdir() if folder is root else folder.rglob("*"))]
        return sorted(p.relative_to(root).as_posix() for p in found if p.is_file() and "__pycache__" not in p.parts)
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted({path for path in listed if path and (root / path).is_file()})


def changes_since(root: Path, reference: str) -> dict[str, str | None]:
    """What differs from the point where this work left ``reference``, committed or not.

    Raises:
        ValueError: git knows no such reference.
    """
    base = git(root, "merge-base", reference, "HEAD").strip()
    known = [p for p in git(root, "diff", "--name-only", "--no-renames", "-z", base).split("\0") if p]
    new = [p for p in git(root, "ls-files", "-z", "--others", "--exclude-standard").split("\0") if p]
    before = set(git(root, "ls-tree", "-r", "-z", "--name-only", base).split("\0"))
    return {path: git(root, "show", f"{base}:{path}") if path in before else None for path in [*known, *new]}
