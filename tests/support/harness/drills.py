"""Which notebooks are drilled in every run: for each kind of engine the shortest that uses it."""

from __future__ import annotations

from functools import cache

from companion import checkout, engines
from companion.book import BOOK, Chapter
from harness import chapters
from harness.imports import Project, uses

#: what starts processes, or lives in the kernel, without being an engine of companion.engines
_KINDS = {
    "multiprocessing": ("multiprocessing", "concurrent.futures.ProcessPoolExecutor"),
    "worker processes": ("companion.processes.worker",),
    "supervised services": ("companion.processes.supervised",),
    "web servers": ("companion.processes.web",),
    "TensorFlow": ("tensorflow",),
}


@cache
def _project() -> Project:
    root = checkout.folder()
    return Project(root, [p.relative_to(root).as_posix() for p in (root / "companion").rglob("*.py")], probed=False)


def kinds_of(sources: list[str]) -> frozenset[str]:
    """What has to be taken down when a kernel goes that has run these cells: their engines, and what they start beside them.

    A package counts where a cell imports it, a module of the library also where another one of it does.
    """
    project, names = _project(), set().union(*(uses(source).imports for source in sources))
    files = {project.modules[name] for name in _with_packages(names) if name in project.modules}
    below = set().union(*map(project.closure, files))
    reached = {module for module, file in project.modules.items() if file in below}
    own = {name for full in names for name in (full, full.split(".")[0])}
    found = {kind for kind, wanted in _KINDS.items() if set(wanted) & (own | reached)}
    # engines share modules among themselves: what counts is who asks for one from outside
    outside = [project.uses(file).imports for file in below if not file.startswith("companion/engines/")]
    asked = _with_packages(names.union(*outside))
    return frozenset(found | {name for name in engines.NAMES if f"companion.engines.{name}" in asked})


def _with_packages(names: set[str]) -> set[str]:
    return {".".join(name.split(".")[:length]) for name in names for length in range(1, name.count(".") + 2)}


@cache
def kinds(chapter: Chapter) -> frozenset[str]:
    """Of a whole notebook."""
    return kinds_of(chapters.taught(chapter)) | set(chapter.engines) or frozenset({"the kernel alone"})


@cache
def exercises(chapter: Chapter) -> frozenset[str]:
    """Of its exercises with the cells that they stand on."""
    own = [cell["source"] for cell in chapters.code(chapter) if chapters.marks(cell)]
    return kinds_of([*chapters.setup(chapter), *own]) or frozenset({"the kernel alone"})


def choose(known: dict[Chapter, frozenset[str]]) -> dict[Chapter, tuple[str, ...]]:
    """The shortest notebook of each kind, with the kinds for which it was chosen; what another one covers by the way needs none.

    Args:
        known: the kinds of each notebook.
    """
    users = {kind: [c for c in known if kind in known[c]] for kind in set().union(*known.values())}
    found: dict[Chapter, list[str]] = {}
    # those that few notebooks have come first: they leave no choice
    for kind in sorted(users, key=lambda kind: (len(users[kind]), kind)):
        if covered := [c for c in found if c in users[kind]]:
            found[covered[0]].append(kind)
            continue
        # the start page shows an engine for one cell: nothing of it is up later
        shortest = min(users[kind], key=lambda c: (c.unit == BOOK[0].unit, chapters.seconds(c), c.name))
        found[shortest] = [kind]
    return {chapter: tuple(names) for chapter, names in found.items()}


@cache
def killed() -> dict[Chapter, tuple[str, ...]]:
    """The notebooks to interrupt and kill in every run, each with the kinds for which it was chosen."""
    return choose({chapter: kinds(chapter) for chapter in BOOK})


@cache
def graded() -> dict[Chapter, tuple[str, ...]]:
    """The notebooks to grade by nbgrader's own kernels in every run, each with the kinds for which it was chosen."""
    return choose({chapter: exercises(chapter) for chapter in BOOK})


#: by the name of the file that holds the drill
DRILLS = {"test_killed_kernel.py": killed, "test_nbgrader.py": graded}
