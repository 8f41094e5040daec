"""Measure the book on this machine: connect times, each notebook's run time and peak memory, and what the notebooks record.

usage: python scripts/bench.py [NAME ...] [--fresh] [--json FILE]      default: every notebook, .workspace/bench.json

`make test` runs every notebook and notes what that took (.workspace/runs.json): a notebook that has not changed since is not run
again. It ran beside other tests then; ``--fresh`` runs it alone.
Figures are printed and written, never judged: a time is not a test.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import runs_noted
from tqdm import tqdm

from companion import book, checkout, engines, measure
from companion.workspace import root

NOTEBOOKS = checkout.folder("notebooks")
#: from connect() to the first answer, each in a process of its own; {} is what the engine's first answer takes
_FIRST_ANSWER = {
    "dask": "client = engine.connect(); client.submit(sum, [1, 2]).result()",
    "spark": "session = engine.connect(); session.range(10).count()",
    "redis": "client = engine.connect(); client.ping()",
    "postgres": "connection = engine.connect(); connection.execute('SELECT 1').fetchone()",
    "aws": "session = engine.connect(); session.client('s3').list_buckets()",
    "docker": "client = engine.connect(); client.version()",
    "jenkins": "controller = engine.connect()",
    "kubernetes": "client = engine.connect()",
    "prometheus": "api = engine.connect(); api.get('api/v1/query', params={'query': '1'}).json()",
    "pysyft": "parties = engine.connect()",
}
_CONNECT = """
import time
from companion import quiet
from companion.engines import {name} as engine
if __name__ == "__main__":
    with quiet():
        start = time.perf_counter()
        {code}
        seconds = time.perf_counter() - start
    print("seconds", seconds)
"""
_RUN = """
import sys
from pathlib import Path
import nbformat, notebooks
path = Path(sys.argv[1])
notebooks.execute(nbformat.read(path, as_version=4), path.parent)
"""


def connect_seconds(name: str) -> float | None:
    """Seconds from ``connect()`` to the engine's first answer in a fresh interpreter; None when it failed."""
    with tempfile.TemporaryDirectory() as folder:
        # a file, because Dask's workers import the main module
        script = Path(folder) / "connect.py"
        script.write_text(_CONNECT.format(name=name, code=_FIRST_ANSWER[name]))
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if line.startswith("seconds "):
            return float(line.split()[1])
    return None


def known_run(chapter: book.Chapter, runs: Path) -> list[dict]:
    """The figures that the tests have noted when they ran this very notebook; an empty list when they have not."""
    try:
        run = json.loads(runs.read_text())[chapter.name]
        if run["of"] != runs_noted.fingerprint(NOTEBOOKS / chapter.file):
            return []
        return _figures(chapter, run["seconds"], run["peak_mib"], run["recorded"])
    except (OSError, ValueError, KeyError):
        return []


def _figures(chapter: book.Chapter, seconds: float, peak_mib: float, recorded: list[dict]) -> list[dict]:
    return [
        {"name": f"{chapter.name}.run_time", "value": seconds, "unit": "s"},
        {"name": f"{chapter.name}.peak_memory", "value": peak_mib, "unit": "MiB"},
        *recorded,
    ]


def run_notebook(chapter: book.Chapter) -> list[dict]:
    """Execute one notebook; its run time, the peak memory of all its processes, and what it recorded."""
    path = NOTEBOOKS / chapter.file
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines"
        env = {**os.environ, "COMPANION_RECORD": str(lines), "PYTHONPATH": str(Path(__file__).parent)}
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", _RUN, str(path)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        with measure.peak_memory(process.pid, interval=0.2) as peak:
            _, errors = process.communicate()
        seconds = time.perf_counter() - start
        recorded = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    if process.returncode:
        print(f"{chapter.name} failed: {errors.decode()[-500:]}", file=sys.stderr)
        return []
    return _figures(chapter, seconds, peak.mib, recorded)


def measure_all(names: list[str], fresh: bool = False) -> list[dict]:
    """Every figure, as ``{"name", "value", "unit"}``; ``fresh`` runs also those notebooks whose figures are known."""
    chapters = [book.chapter(name) for name in names] or list(book.BOOK)
    missing = {status.engine for status in engines.probe() if status.mode == "missing"}
    connecting = [] if names else [name for name in _FIRST_ANSWER if name not in missing]
    figures = []
    with tqdm(total=len(connecting) + len(chapters), unit="step", leave=False) as bar:
        for name in connecting:
            bar.set_description(f"connect {name}")
            if (seconds := connect_seconds(name)) is not None:
                figures.append({"name": f"connect.{name}", "value": seconds, "unit": "s"})
            bar.update()
        for chapter in chapters:
            bar.set_description(chapter.name)
            if not missing & set(chapter.engines):
                known = [] if fresh else known_run(chapter, runs_noted.place())
                figures += known or run_notebook(chapter)
            bar.update()
    return figures


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="a notebook's name, such as dask_audio")
    parser.add_argument("--json", type=Path, default=root() / "bench.json", help="where to write the figures")
    parser.add_argument(
        "--fresh", action="store_true", help="run every notebook, also where the tests have noted its figures"
    )
    options = parser.parse_args(arguments)
    try:
        figures = measure_all(options.name, options.fresh)
    except KeyError as error:
        parser.error(str(error.args[0]))
    width = max((len(figure["name"]) for figure in figures), default=0)
    for figure in figures:
        print(f"{figure['name']:{width}}  {figure['value']:12.4g} {figure['unit']}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
    options.json.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1) + "\n")
    print(f"\nwritten: {os.path.relpath(options.json)}")
    expected = len(options.name) or len(book.BOOK)
    return 0 if sum(figure["name"].endswith(".run_time") for figure in figures) == expected else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
