"""One run of a notebook under strict nbval, in a process of its own without any other plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from companion import checkout
from harness.nbval_plugin import FIGURES

ROOT = checkout.folder()
#: loading the plugins that this environment happens to have takes as long as starting a kernel
_PLUGINS = ("harness.nbval_plugin", "nbval.plugin")
_NO_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@dataclass(frozen=True)
class Run:
    """What can be read off one run.

    Attributes:
        returncode: 0 when every output is the stored one.
        said: what pytest has printed.
        seconds: from the first cell to the last; 0 when no kernel was up.
        peak_mib: peak memory of the kernel and of all that it has started.
        recorded: the figures that the notebook's cells have measured, as ``measure.record`` writes them.
    """

    returncode: int
    said: str
    seconds: float
    peak_mib: float
    recorded: tuple[dict, ...]


#: a cell whose output is another one where the engine is a reader's own cluster; the cell, or the text beside it, says why
DIFFERS = "differs-on-a-cluster"
#: nbval's own words
_IGNORED, _SKIPPED = "nbval-ignore-output", "nbval-skip"


def for_a_cluster(path: Path, folder: Path, *, repeats: bool = True) -> Path:
    """A copy of a notebook for a run on a cluster: what differs by nature is not compared.

    Args:
        folder: where the copy goes.
        repeats: whether cells run that aren't compared anyway, since they repeat for the clock (no other cell may need them).
    """
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        tags = cell["metadata"].setdefault("tags", [])
        if _IGNORED in tags and not repeats:
            tags.append(_SKIPPED)
        elif DIFFERS in tags:
            tags.append(_IGNORED)
    copy = folder / path.name
    copy.write_text(json.dumps(notebook), encoding="utf-8")
    return copy


def nbval(path: Path, environment: dict[str, str]) -> Run:
    """``pytest --nbval`` on one notebook, with the project's settings."""
    # parallel workers tell their children whom they report to; this run reports to nobody
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    with tempfile.TemporaryDirectory(prefix="run-") as folder:
        figures, lines = Path(folder) / "figures", Path(folder) / "lines"
        own = {FIGURES: str(figures), "COMPANION_RECORD": str(lines), "PYTHONPATH": str(ROOT / "tests" / "support")}
        plugins = [argument for name in _PLUGINS for argument in ("-p", name)]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plugins, "--nbval", "-q", "-p", "no:cacheprovider", str(path)],
            cwd=ROOT,
            env={**inherited, **environment, **own, **_NO_PLUGINS},
            capture_output=True,
            text=True,
        )
        measured = json.loads(figures.read_text()) if figures.exists() else {"seconds": 0.0, "peak_mib": 0.0}
        recorded = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    return Run(done.returncode, done.stdout[-6000:] + done.stderr[-2000:], **measured, recorded=tuple(recorded))
