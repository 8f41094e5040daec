"""What the tests share: the notebooks as parameters, and the skip of what needs an engine that is not here."""

import os

import nbformat
import pytest

from companion import book, engines

NOTEBOOKS = book.folder()
REQUIRE_ENGINES = os.environ.get("COMPANION_REQUIRE_ENGINES") == "1"


def missing_engines(names: tuple[str, ...]) -> list[str]:
    """How to get those of the named engines that are not here; an empty list when all are, or when CI insists."""
    if REQUIRE_ENGINES:
        return []
    return [f"{s.engine}: {s.detail}" for s in engines.probe(names) if s.mode == "missing"]


def pytest_generate_tests(metafunc):
    """A test that takes ``chapter`` runs once for each notebook of the book."""
    if "chapter" in metafunc.fixturenames:
        metafunc.parametrize("chapter", book.BOOK, ids=lambda chapter: chapter.name)


@pytest.fixture
def notebook(chapter):
    """The stored notebook of ``chapter``."""
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
