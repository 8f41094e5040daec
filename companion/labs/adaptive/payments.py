"""What scoring payments day by day needs beside its idea: the payments as arrays, a baseline, two pictures, processes, what a kill left.

``Stream`` holds payments in the order in which they happened, cut into batches (days, or hours of the public original).
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

import numpy as np

from companion import draw
from companion.datasets import fraud
from companion.processes import worker

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Stream:
    """Payments in the order of time.

    ``X`` (rows, features), ``y`` (0 or 1, 1 is fraud), ``amount`` (euros), ``card`` (number), and ``edges``: batch ``k`` is the
    rows from ``edges[k]`` to ``edges[k + 1]``.
    """

    X: np.ndarray
    y: np.ndarray
    amount: np.ndarray
    card: np.ndarray
    edges: np.ndarray

    def days(self, first: int, count: int = 1) -> slice:
        """The rows of ``count`` batches from ``first`` on."""
        return slice(int(self.edges[first]), int(self.edges[first + count]))


def prepare(table: pd.DataFrame) -> Stream:
    """The payments of ``fraud.stream`` with ``fraud.features`` and the truth, a batch a day.

    Raises:
        DatasetError: a column is missing.
    """
    fraud.require_columns(table)
    y, amount, card, day = (table[name].to_numpy() for name in ("fraud", "amount", "card", "day"))
    return Stream(fraud.features(table), y, amount, card, np.searchsorted(day, np.arange(fraud.DAYS + 1)))


def newest_label(table: pd.DataFrame) -> np.ndarray:
    """The *no change* baseline: for each payment the newest label of its card that is complete that morning, else 0."""
    import pandas as pd

    day = table["day"].to_numpy()
    known = pd.DataFrame({"due": day + fraud.LABEL_DELAY, "card": table["card"], "label": table["fraud"]})
    asked = pd.DataFrame({"due": day, "card": table["card"]})
    known = known.sort_values("due", kind="stable")
    return pd.merge_asof(asked, known, on="due", by="card")["label"].fillna(0).to_numpy(float)


def caught_so_far(stream: Stream, chosen: np.ndarray, first: int, today: int) -> Figure:
    """A picture: the frauds of each day from ``first`` to ``today``, and those that are among the alerts (a mask)."""
    last = len(stream.edges) - 1
    day = np.repeat(np.arange(last), np.diff(stream.edges))
    rows = np.flatnonzero((stream.y == 1) & (day >= first) & (day <= today))
    fig, ax = draw.figure(8, 2.6)
    bins = (np.arange(first, last + 1) - 0.5).tolist()
    ax.hist(day[rows], bins, color=draw.SKY, label="frauds")
    ax.hist(day[rows[chosen[rows]]], bins, color=draw.BLUE, label="caught")
    title = f"Day {today}: {chosen[rows].sum()} of {len(rows)} frauds caught so far"
    ax.set(xlim=(first - 1, last), ylim=(0, 32), xlabel="day", ylabel="payments", title=title)
    ax.legend(loc="upper right", ncols=2)
    return fig


class Live:
    """A picture in a cell's output that is replaced by the next one; its title is its alternative text."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, fig: Figure) -> None:
        """Show the first picture, or put this one in the place of the one before."""
        from IPython.display import display

        buffer, alt = io.BytesIO(), fig.axes[0].get_title(loc="left")
        fig.savefig(buffer, format="png", dpi=fig.dpi, metadata={"Software": None})
        data, metadata = {"image/png": buffer.getvalue(), "text/plain": alt}, {"image/png": {"alt": alt}}
        if self._handle is None:
            self._handle = display(data, raw=True, metadata=metadata, display_id=True)
        else:
            self._handle.update(data, raw=True, metadata=metadata)


def spread(values: Mapping[str, np.ndarray], title: str, xlabel: str) -> Figure:
    """A picture: a row a name, a point a stream, a line at the mean of each."""
    fig, ax = draw.figure(8, 0.45 * len(values) + 1.1)
    for at, found in enumerate(values.values()):
        ax.plot(found, np.full(len(found), at), "o", color=draw.BLUE, alpha=0.6)
        ax.plot([found.mean()] * 2, [at - 0.3, at + 0.3], color=draw.BLACK)
    ax.set(xlabel=xlabel, title=title, ylim=(len(values) - 0.5, -0.5))
    ax.set_yticks(range(len(values)), labels=list(values))
    return fig


def side_by_side(function: Callable[[Any], Any], items: Iterable[Any], at_once: int = 2) -> list[Any]:
    """``function(item)`` of each item, in their order, each computed in a process of its own, ``at_once`` of them at a time.

    The function goes by value, with the global names that it uses (``worker.start``); item and answer are pickled. Two at a time
    fill two cores when there are two items; where the last would be alone, three at a time fill them too.

    Raises:
        Exception: what the function raises comes out here, and the other processes are ended.
        RuntimeError: a process ended without an answer.
    """
    waiting, answers = list(enumerate(items))[::-1], dict[int, Any]()
    running = dict[Any, tuple[int, Any]]()  # by our end of the pipe
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, item = waiting.pop()
                process, ours = worker.connected(partial(_say, function, item))
                running[ours] = number, process
            ready: list[Any] = connection.wait(list(running))
            for line in ready:
                number, process = running[line]
                answers[number] = _heard(line)
                process.join()
                del running[line]
                line.close()
    finally:
        for line, (_, process) in running.items():
            process.kill()
            process.join()
            line.close()
    return [answers[number] for number in sorted(answers)]


def _say(function: Callable[[Any], Any], item: Any, line: connection.Connection) -> None:
    """In the process: send the answer, or the error."""
    answer, failed = None, None
    try:
        answer = function(item)
    except Exception as error:  # it is raised where somebody reads it
        failed = error
    line.send((answer, failed))


def _heard(line: Any) -> Any:
    try:
        answer, error = line.recv()
    except EOFError:
        raise RuntimeError("a process ended without an answer") from None
    if error is not None:
        raise error
    return answer


def inside_a_transaction(folder: Path) -> bool:
    """Whether a process died here while SQLite was writing: its rollback journal is left beside the database.

    SQLite makes the journal at the first change of a transaction and deletes it to commit (sqlite.org, *Atomic Commit In
    SQLite*). Look before anybody opens the database again: who goes on rolls it back and removes it.
    """
    journal = folder / "stream.db-journal"
    return journal.exists() and journal.stat().st_size > 0


def in_a_fresh_process(function: Callable[..., object], *arguments: object) -> int:
    """The exit code of ``function(*arguments)`` in a process that knows nothing of this one: 0, or -9 when it was killed.

    The function goes by value, with the global names that it uses as they are now; it may be defined in a notebook, or in a
    module that exists in this process only.
    """
    import cloudpickle

    module = sys.modules[function.__module__]
    by_value = module.__name__ != "__main__" and getattr(module, "__file__", None) is None
    if by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        process = worker.start(_call, cloudpickle.dumps((function, arguments)))
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)
    try:
        process.join()
    finally:
        process.kill()
        process.join()
    return int(process.exitcode or 0)


def _call(payload: bytes) -> None:
    function, arguments = pickle.loads(payload)  # noqa: S301  (from this very program)
    function(*arguments)
