"""Measure what a notebook needs when its knob is turned up, for the table in its *Take it further*.

usage: python scripts/sizes.py NAME ... [--factor 4]       two sizes measured, a third computed; kept in the notebook's metadata
       python scripts/sizes.py NAME ... --try 0.5 2        does it run at these multiples of its size? Nothing is kept
       python scripts/sizes.py NAME ... --workers          its job on 1, 2, 4 ... workers of the live cluster

Without names: every notebook with a knob. Each run is a fresh kernel on the embedded engines with a scratch folder of its own, and
nothing of its outputs is kept. A machine that does something else meanwhile spoils minutes and memory.

``--workers`` takes the cluster from DASK_SCHEDULER_ADDRESS (`make cluster` prints it) and the counts from the workers that are there;
the last run's table stays, so the largest cluster comes last. Afterwards `make navigation` writes the tables.
"""

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import further
import knobs
import nbformat
import psutil
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from tqdm import tqdm

import notebooks
from companion import book, measure
from companion.errors import CompanionError, DatasetError, EngineUnavailable, SettingError
from companion.processes import wait

if TYPE_CHECKING:
    from distributed import Client

#: a cell of a larger size takes longer than those of the stored one
_CELL_TIMEOUT_SECONDS = 3600
_LOOK_SECONDS = 0.2
_RUN = """
import sys
from pathlib import Path
import nbformat, notebooks
notebooks.CELL_TIMEOUT_SECONDS = int(sys.argv[3])
print(notebooks.execute(nbformat.read(sys.argv[1], as_version=4), Path(sys.argv[2])))
"""


def run_at(chapter: book.Chapter, size: int) -> dict[str, float]:
    """Run the notebook at another size, and keep nothing of it but what it took.

    Returns:
        ``size``; ``seconds``, wall time of all cells; ``memory_mib``, the peak of the kernel and all processes below it (of a
        container's only what started it); ``disk_mib``, the most that lay in its scratch folder.

    Raises:
        DatasetError: a cell failed; the message has its error.
    """
    path = notebooks.NOTEBOOKS / chapter.file
    notebook = nbformat.read(path, as_version=4)
    knobs.turn(notebook, size)
    with tempfile.TemporaryDirectory(prefix="sizes-") as folder:
        scratch, copy = Path(folder) / "workspace", Path(folder) / path.name
        scratch.mkdir()
        nbformat.write(notebook, copy)
        env = {**os.environ, "COMPANION_WORKSPACE": str(scratch), "PYTHONPATH": _paths()}
        command = [sys.executable, "-c", _RUN, str(copy), str(path.parent), str(_CELL_TIMEOUT_SECONDS)]
        # into a file: a pipe that nobody empties meanwhile would stop a run that has much to say
        with (Path(folder) / "said").open("w+") as said, _peak_disk(scratch) as disk:
            with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=said, text=True) as process:
                try:
                    with measure.peak_memory(_kernel(process), interval=_LOOK_SECONDS) as memory:
                        answer, _ = process.communicate()
                finally:
                    process.terminate()  # an interrupt: the kernel ends with whoever started it
            if process.returncode:
                said.seek(0)
                raise DatasetError(f"{chapter.name} at {size:,}: {said.read()[-1500:]}")
    return {"size": size, "seconds": float(answer), "memory_mib": memory.mib, "disk_mib": max(disk) / 2**20}


def _paths() -> str:
    """This script's folder, and that of the library, which need not be installed."""
    return os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])


def _kernel(process: subprocess.Popen[str]) -> int:
    """The process id of the kernel that it starts; its own where it has ended before."""

    def found() -> int | None:
        if process.poll() is not None:
            return os.getpid()  # its error is more telling than that there was no kernel
        for child in psutil.Process(process.pid).children():
            try:
                if "ipykernel_launcher" in " ".join(child.cmdline()):
                    return child.pid
            except psutil.Error:
                continue
        return None

    return wait.until(found, 120, "no kernel has started")


@contextmanager
def _peak_disk(folder: Path) -> Iterator[list[int]]:
    """Bytes that lie below the folder, looked at again and again while the block runs: the largest last."""
    seen = [0]
    with measure.sampling(lambda: seen.append(max(seen[-1], disk_use(folder))), _LOOK_SECONDS):
        yield seen


def disk_use(folder: Path) -> int:
    """Bytes that the files below the folder take on the disk, holes left out; what goes while one looks is not counted."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
            except OSError:
                continue
    return total


def measured(chapter: book.Chapter, factor: int, bar: tqdm) -> dict[str, Any]:
    """The figures of two sizes, ``factor`` apart, and of a third, as far again, on the line through them; less far apart where the
    third would be more than the knob takes."""
    knob = knobs.of(_read(chapter))
    size, two = knob.value, []
    factor = next(n for n in range(factor, 0, -1) if n == 2 or n * n * size <= (knob.most or math.inf))
    for each in (size, factor * size):
        bar.set_description(f"{chapter.name} at {each:,}")
        two.append(_three_digits(run_at(chapter, each)))
        bar.update()
    third = _three_digits(further.at(factor**2 * size, two))
    return {"machine": notebooks.machine(), "measured": two, "computed": third}


def on_workers(chapter: book.Chapter) -> dict[str, Any]:
    """Run the notebook on the live cluster as far as its sweep over workers; the seconds of each round by number of workers.

    Raises:
        SettingError: no cluster is named, or the notebook has no such sweep.
        EngineUnavailable: the cluster does not answer, or has fewer than two workers.
        DatasetError: a cell failed.
    """
    from companion.engines import dask as dask_engine

    if not os.environ.get(dask_engine.VARIABLE):
        raise SettingError(f"--workers measures a live cluster: set {dask_engine.VARIABLE} to its scheduler's address")
    with dask_engine.connect() as client:
        most, shared = len(client.ncores()), processors(client)
    notebook, names = _read(chapter), re.compile(rf"{chapter.name}\.workers_(\d+)$")
    sweeps = [n for n, cell in enumerate(notebook.cells) if f"{chapter.name}.workers_" in cell.source]
    if not sweeps:
        raise SettingError(f"{chapter.name} records no sweep over workers (`{chapter.name}.workers_N`)")
    notebook.cells = notebook.cells[: sweeps[-1] + 1]
    with tempfile.TemporaryDirectory(prefix="recorded-") as folder:
        lines = Path(folder) / "lines"
        try:
            notebooks.execute(notebook, (notebooks.NOTEBOOKS / chapter.file).parent, lines, live=True)
        except CellExecutionError as error:
            raise DatasetError(f"{chapter.name}: {error}") from error
        kept = {names.search(figure["name"]): figure.get("runs") for figure in notebooks.figures(lines)}
    seconds = {found[1]: runs for found, runs in kept.items() if found and runs}
    if str(most) not in seconds or "1" not in seconds:
        raise EngineUnavailable(f"the cluster has {most} workers, and the notebook measured {', '.join(seconds)}")
    job = f"The work of *{_section(notebook)}*"
    return {"machine": notebooks.machine(), "job": job, "processors": shared, "seconds": seconds}


def processors(client: "Client") -> int:
    """How many processors the workers have together: of each machine no more than it has, however many workers share it."""
    import cloudpickle

    if __name__ != "__main__":
        cloudpickle.register_pickle_by_value(sys.modules[__name__])  # no worker can import a script
    machines: dict[str, tuple[int, int]] = {}
    for machine, there, allowed in client.run(_here).values():
        machines[machine] = there, machines.get(machine, (there, 0))[1] + allowed
    return sum(min(there, allowed) for there, allowed in machines.values())


def _here() -> tuple[str, int, int]:
    """In a worker: which machine this is, its processors, and how many of them this process may use."""
    import os
    import platform
    from pathlib import Path

    import joblib

    boot = Path("/proc/sys/kernel/random/boot_id")  # the same in all containers of a machine, as its name is not
    machine = boot.read_text().strip() if boot.exists() else platform.node()
    return machine, os.cpu_count() or 1, joblib.cpu_count()


def _section(notebook: NotebookNode) -> str:
    """The last heading of the notebook."""
    return re.findall(r"^## (.+)$", "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown"), re.M)[-1]


def _read(chapter: book.Chapter) -> NotebookNode:
    return nbformat.read(notebooks.NOTEBOOKS / chapter.file, as_version=4)


def _three_digits(figures: dict[str, float]) -> dict[str, float]:
    return {name: value if name == "size" else float(f"{value:.3g}") for name, value in figures.items()}


def keep(chapter: book.Chapter, **figures: Any) -> None:
    """Write figures into the notebook's metadata, and leave the rest as it is."""
    notebook = _read(chapter)
    notebook.metadata.setdefault("companion", {}).update(figures)
    nbformat.write(notebook, notebooks.NOTEBOOKS / chapter.file)


def _said(row: dict[str, float]) -> str:
    return (
        f"{row['size']:12,.0f} {row['seconds']:8.1f} s {row['memory_mib']:8.0f} MiB {row['disk_mib']:8.0f} MiB on disk"
    )


def _work(chapter: book.Chapter, options: argparse.Namespace, bar: tqdm) -> None:
    """What is asked for, of one notebook."""
    if options.workers:
        figures = on_workers(chapter)
        keep(chapter, workers=figures)
        bar.write(f"{chapter.name}\n{further.workers(figures)}")
    elif options.multiples:
        size = knobs.of(_read(chapter)).value
        for multiple in options.multiples:
            bar.write(f"{chapter.name:24}" + _said(run_at(chapter, round(multiple * size))))
    else:
        figures = measured(chapter, options.factor, bar)
        keep(chapter, sizes=figures)
        for row, how in zip([*figures["measured"], figures["computed"]], ("measured", "", "computed"), strict=True):
            bar.write(f"{chapter.name:24}{_said(row)}  {how}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", help="a notebook's name, such as dask_audio")
    parser.add_argument(
        "--factor", type=int, default=4, help="how far apart the sizes are: 4 is 1, 4 and 16 times (default)"
    )
    parser.add_argument(
        "--try",
        dest="multiples",
        type=float,
        nargs="+",
        metavar="TIMES",
        help="run at these multiples of the size; keep nothing",
    )
    parser.add_argument("--workers", action="store_true", help="measure the sweep over the workers of the live cluster")
    options = parser.parse_args(arguments)
    if options.factor < 2:
        parser.error("--factor must be at least 2: a line goes through two sizes")
    try:
        chapters = [book.chapter(name) for name in options.name] or [c for c in book.BOOK if knobs.belongs(c)]
    except KeyError as error:
        parser.error(str(error.args[0]))
    failed, start = [], time.perf_counter()
    with tqdm(total=len(chapters) * (1 if options.workers or options.multiples else 2), unit="run", leave=False) as bar:
        for chapter in chapters:
            bar.set_description(chapter.name)
            try:
                _work(chapter, options, bar)
            except CompanionError as error:
                bar.write(f"{chapter.name}: {error}", file=sys.stderr)
                failed.append(chapter.name)
            bar.update(1 if options.workers or options.multiples else 0)
    print(
        f"{(time.perf_counter() - start) / 60:.1f} minutes", f"; failed: {', '.join(failed)}" if failed else "", sep=""
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
