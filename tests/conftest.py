"""What the tests share: the notebooks as parameters, the skip of what needs an engine that is not here, the harness' options."""

import gc
import os
import sys

import pytest
import runs_noted
from harness import choice, order, signals, waiting
from harness.report import Report

from companion import book, checkout, engines

NOTEBOOKS = book.folder()
REQUIRE_ENGINES = os.environ.get("COMPANION_REQUIRE_ENGINES") == "1"


def missing_engines(names: tuple[str, ...]) -> list[str]:
    """How to get those of the named engines that are not here; an empty list when all are, or when CI insists."""
    if REQUIRE_ENGINES:
        return []
    return [f"{s.engine}: {s.detail}" for s in engines.probe(names) if s.mode == "missing"]


def pytest_addoption(parser):
    choice.add_options(parser)


def pytest_configure(config):
    signals.hear_interrupts()
    waiting.sleep_while_waiting()
    # a notebook's run starts a dozen Pythons: without bytecode each of them compiles its packages again
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # and each of them has a home of its own, in which Matplotlib would look through the system's fonts again
    os.environ.setdefault("MPLCONFIGDIR", str(checkout.folder() / ".cache" / "matplotlib"))
    config.pluginmanager.register(Report(config, runs_noted.place()), "harness-report")
    config.pluginmanager.register(choice.Choice(config, checkout.folder()), "harness-choice")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is collected stays: looking through it for garbage, again and again while it grows, takes a third of the collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items):
    order.sort(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return order.scheduler(config, log) if config.getoption("dist") == "load" else None


def pytest_generate_tests(metafunc):
    """A test that takes ``chapter`` runs once for each notebook of the book."""
    if "chapter" in metafunc.fixturenames:
        metafunc.parametrize("chapter", book.BOOK, ids=lambda chapter: chapter.name)


@pytest.fixture(scope="session")
def exercises(tmp_path_factory):
    """A notebook's exercises by its chapter; those of one notebook at a time."""
    from harness.grading import Exercises

    kept = {}

    def of(chapter) -> Exercises:
        for name in [name for name in kept if name != chapter.name]:
            kept.pop(name).close()
        if chapter.name not in kept:
            kept[chapter.name] = Exercises(chapter, tmp_path_factory.mktemp("exercises") / "workspace")
        return kept[chapter.name]

    yield of
    for one in kept.values():
        one.close()


@pytest.fixture
def notebook(chapter):
    """The stored notebook of ``chapter``."""
    import nbformat

    return nbformat.read(NOTEBOOKS / chapter.file, as_version=4)


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """A scratch root of the test's own."""
    monkeypatch.setenv("COMPANION_WORKSPACE", str(tmp_path / "workspace"))
    return tmp_path / "workspace"


@pytest.fixture
def no_live_engines(monkeypatch):
    """The embedded engines, whatever the developer's shell points at."""
    for name in engines.VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A connection to an embedded PostgreSQL of the test module's own, as its owner."""
    from companion.engines import postgres

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPANION_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        patch.delenv("DATABASE_URL", raising=False)
        with postgres.connect(autocommit=True) as connection:
            yield connection
