"""Load on a pool of shops, what came back by the shop's rank, and the pictures of both."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from companion import draw
from companion.errors import SettingError
from companion.measure import load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: (shop, number of one of its products)
Visit = tuple[str, int]


def under_load(
    work: Callable[[], object], visits: Sequence[Visit], ask: Callable[[Visit], Any], *, rate: float = 30.0
) -> list[Any]:
    """What came back of an open loop (Poisson, half a second at a time) that lasts as long as ``work()`` and a little longer.

    Args:
        work: runs beside the load; what it raises comes out at the end.
        visits: in this order, and from the beginning again when they are used up.

    Raises:
        SettingError: no visits.
    """
    if not visits:
        raise SettingError("there is nothing to visit")
    replies: list[Any] = []
    following = itertools.cycle(visits)
    with ThreadPoolExecutor(1) as beside:
        job, last = beside.submit(work), False
        for seed in itertools.count():
            if last:
                break
            last = job.done()
            due = load.poisson(rate, 0.5, seed=seed)
            replies += load.open_loop_over(list(itertools.islice(following, len(due))), ask, due).answers
        job.result()
    return replies


def failed(replies: Sequence[Any]) -> int:
    """Those that raised, and those whose status is not 200."""
    return sum(isinstance(reply, Exception) or reply.status != 200 for reply in replies)


def with_noise(
    visits: Sequence[Visit], noisy: Visit, rate: float, extra: float, seconds: float
) -> tuple[list[Visit], np.ndarray]:
    """Visits at ``rate`` a second and one shop's own at ``extra`` on top, in the order of their moments; and these moments."""
    due = load.poisson(rate, seconds, seed=7)
    timed = list(zip(due.tolist(), visits, strict=False))
    if extra:
        timed += [(at, noisy) for at in load.poisson(extra, seconds, seed=8).tolist()]
    timed.sort()
    return [visit for _, visit in timed], np.array([at for at, _ in timed])


def rank_bins(ranks: Sequence[int] | np.ndarray, count: int) -> tuple[np.ndarray, list[str]]:
    """Shops by rank in bins that grow fourfold: the bin of each rank (from 0), and the bins' names."""
    edges = [1]
    while edges[-1] <= count:
        edges.append(edges[-1] * 4)
    labels = [f"{low}-{min(high - 1, count)}" for low, high in itertools.pairwise(edges)]
    return np.digitize(np.asarray(ranks) + 1, edges) - 1, labels


def p95_of_others(
    visits: Sequence[Visit], latency: np.ndarray, noisy: str, names: Sequence[str]
) -> tuple[float, dict[str, float]]:
    """95th percentile in milliseconds of all shops but one: over all of them, and by bins of ranks."""
    place = {name: rank for rank, name in enumerate(names)}
    ranks = np.array([place[shop] for shop, _ in visits])
    bins, labels = rank_bins(ranks, len(names))
    others = ranks != place[noisy]
    parts = {label: latency[(bins == each) & others] for each, label in enumerate(labels)}
    by_bin = {label: 1000 * float(np.percentile(part, 95)) for label, part in parts.items() if len(part)}
    return 1000 * float(np.percentile(latency[others], 95)), by_bin


def zipf_figure(shares: np.ndarray) -> Figure:
    """Each shop's share of the requests."""
    fig, ax = draw.figure(7, 3)
    ax.loglog(range(1, len(shares) + 1), 100 * shares, color=draw.BLUE)
    ax.set(xlabel="rank of the shop", ylabel="% of all requests")
    ax.set_title(
        f"100 shops send {shares[:100].sum():.0%} of the requests, the last 1,000 send {shares[1_000:].sum():.0%}"
    )
    return fig


def hit_figure(shares: np.ndarray, measured: Mapping[int, Sequence[float]]) -> Figure:
    """Hit ratio by size of the cache: measured, by Che's approximation, and by two formulas that come to mind."""
    from companion.simulate.cache import che

    fine = np.unique(np.geomspace(10, len(shares), 60).astype(int))
    fig, ax = draw.figure(7, 3.4)
    ax.semilogx(fine, [shares[:size].sum() for size in fine], "--", color=draw.GREEN, label="the most asked (LFU)")
    ax.semilogx(fine, [che(shares, size) for size in fine], color=draw.BLUE, label="LRU, Che's approximation")
    ax.semilogx(fine, fine / len(shares), ":", color=draw.ORANGE, label="M/N")
    means = [float(np.mean(ratios)) for ratios in measured.values()]
    ax.plot(list(measured), means, "o", color=draw.BLUE, label="the service's cache")
    ax.set(xlabel="models held, M", ylabel="hit ratio")
    ax.set_title(f"One model in twenty is held, {che(shares, len(shares) // 20):.0%} of the requests find theirs")
    ax.legend(fontsize=8)
    return fig


def rank_figure(p95: Mapping[str, tuple[float, Mapping[str, float]]]) -> Figure:
    """What :func:`p95_of_others` says of each run, a line a run; the first is what the others are compared with."""
    fig, ax = draw.figure(7.5, 3.4)
    for (name, (_, parts)), color in zip(p95.items(), (draw.GREEN, draw.RED, draw.BLUE), strict=False):
        ax.semilogy(list(parts), list(parts.values()), "o-", color=color, label=name)
    (_, (quiet, _)), *rest = p95.items()
    ax.set(xlabel="rank of the shop (the noisy one is left out)", ylabel="p95, ms")
    compared = " · ".join(f"{name} {overall / quiet:.1f}" for name, (overall, _) in rest)
    ax.set_title(f"The others' p95, times quiet: {compared}")
    ax.legend()
    return fig


def step_figure(runs: Mapping[str, load.LoadResult], at: float) -> Figure:
    """Each request's latency over time, before and after a step in the load."""
    fig, ax = draw.figure(7.5, 3)
    for (name, run), color in zip(runs.items(), (draw.RED, draw.BLUE), strict=True):
        ax.plot(run.due, 1000 * run.latency, ".", color=color, markersize=4, label=name)
    ax.axvline(at, color=draw.BLACK, linestyle=":", linewidth=1)
    ax.set(xlabel=f"seconds; the step is at {at:g} s", ylabel="ms", yscale="log")
    late = ", ".join(
        f"{1000 * np.percentile(run.latency[run.due > at], 95):.0f} ms {name}" for name, run in runs.items()
    )
    ax.set_title(f"p95 after the step: {late}")
    ax.legend(fontsize=8)
    return fig
