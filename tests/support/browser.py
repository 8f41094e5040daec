"""A real browser for JupyterLab's pages: Debian's chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import REQUIRE_ENGINES
from processes import until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: the source of each cell that is open
START_TEXT = """() => [...jupyterapp.shell.currentWidget.content.model.cells].map(cell => cell.sharedModel.source)"""
IDLE = '.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook-ExecutionIndicator[data-status="idle"]'


def sources(page) -> list[str]:
    """The source of each cell of the notebook that is open, once it has been read: its kernel may be idle before."""
    until(lambda: len(page.evaluate(START_TEXT)) > 1, 120)
    return page.evaluate(START_TEXT)


@contextmanager
def new_page() -> Iterator[Any]:
    """An empty page; a skip where there is no browser, which is a failure where CI insists."""
    if CHROMIUM is None:
        if REQUIRE_ENGINES:
            pytest.fail("chromium is not installed")
        pytest.skip("no chromium here (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(viewport={"width": 1500, "height": 1000})
        browser.close()
