"""Which notebooks are drilled in every run: for each kind of engine the shortest that uses it."""

from __future__ import annotations

from functools import cache

from companion import checkout
from companion.book import BOOK, Chapter
from harness import chapters
from harness.imports import Project

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


@cache
def kinds(chapter: Chapter) -> frozenset[str]:
    """What has to be taken down when the notebook's kernel goes: its engines, and what it starts beside them.

    A package counts where the notebook's own cells import it, a module of the library also where another one of it does.
    """
    project, path = _project(), f"notebooks/{chapter.file}"
    if not (project.root / path).is_file():
        return frozenset()
    own = {name for imported in project.uses(path).imports for name in (imported, imported.split(".")[0])}
    reached = {module for module, file in project.modules.items() if file in project.closure(path)}
    found = {kind for kind, names in _KINDS.items() if set(names) & own or set(names) & reached}
    found |= {module.split(".")[2] for module in reached if module.startswith("companion.engines.")}
    return frozenset(found | set(chapters.engines_of(chapter))) or frozenset({"the kernel alone"})


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
def chosen() -> dict[Chapter, tuple[str, ...]]:
    """The notebooks of the book to drill in every run, each with the kinds for which it was chosen."""
    return choose({chapter: kinds(chapter) for chapter in BOOK})
