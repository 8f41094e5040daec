"""What a notebook's *Take it further* says of larger sizes and of more workers: tables, written from figures in its metadata.

``scripts/sizes.py`` measures the figures, ``scripts/navigation.py`` writes the tables.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import knobs

from companion.measure import Interval, Timing, faster

HEADING = "## Take it further"
#: what is measured of a run, with its unit
MEASURED = ("seconds", "memory_mib", "disk_mib")


def at(size: int, measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What a straight line through two measured sizes gives at another one: a fixed part, and a part for each unit.

    A part that came out below zero (of a figure that does not grow, and was measured with noise) is none.
    """
    small, large = measured
    line = {"size": float(size)}
    for name in MEASURED:
        each = max(0.0, (large[name] - small[name]) / (large["size"] - small["size"]))
        line[name] = max(small[name], large[name]) if not each else large[name] + each * (size - large["size"])
    return line


def sizes(kept: Mapping[str, Any], knob: knobs.Knob) -> str:
    """The table of three sizes; two are measured, the third is computed."""
    two, third = kept["measured"], kept["computed"]
    rows = [
        f"| {int(row['size']):,} | {_room(row['memory_mib'])} | {row['seconds'] / 60:.1f} | {_room(row['disk_mib'])} | {how} |"
        for row, how in [*((row, "measured") for row in two), (third, "computed")]
    ]
    name = f"`{knob.name}`"
    return "\n".join(
        [
            f"**More data for more machines.** {name}, near the top, is the one number to change. The whole notebook, exercises and all, needs",
            "",
            f"| {name} | memory | minutes | disk | |",
            "|---:|---:|---:|---:|---|",
            *rows,
            "",
            "Memory is the most that the kernel and all processes below it took together (proportional set sizes: a page that several share "
            "counts once), disk the most that lay in the scratch folder.",
            f"Measured on {kept['machine']}.",
            "The last row is computed: the straight line through the two above it, a fixed part and a part for each unit. "
            "It does not know what begins only behind them, such as a memory that is full.",
        ]
    )


def workers(kept: Mapping[str, Any]) -> str:
    """The table of the job on 1, 2, 4 ... workers of a live cluster, and where it stops."""
    runs = {int(count): Timing(tuple(seconds)) for count, seconds in kept["seconds"].items()}
    one = runs[min(runs)]
    rows = []
    for count, timing in runs.items():
        times = faster(one, timing)
        spread = "" if timing is one else f" ({times.low:.2f} to {times.high:.2f})"
        rows.append(f"| {count} | {timing.median:.2f} | {times.estimate:.2f}{spread} | {times.estimate / count:.0%} |")
    return "\n".join(
        [
            f"**More workers.** {kept['job']}, on a live cluster of workers with one thread each:",
            "",
            "| workers | seconds | times one worker (95 %) | of a worker is used |",
            "|---:|---:|---:|---:|",
            *rows,
            "",
            stop(runs, kept["processors"]),
            f"Measured on {kept['machine']}, {len(one.seconds)} rounds, each with every number of workers.",
        ]
    )


def stop(runs: Mapping[int, Timing], processors: int) -> str:
    """Where more workers stop bringing anything, and why: a sentence that follows from the runs and from the processors alone.

    Args:
        runs: rounds by number of workers, ascending.
        processors: that all workers have together.
    """
    counts = sorted(runs)
    last = next(n for n in counts if all(faster(runs[n], runs[more]).low <= 1 for more in counts if more > n))
    have = f"the workers have {processors} processor{'s' * (processors > 1)} between them"
    if last == counts[-1]:
        return f"It has not stopped at {last} workers, the most that were there; {have}."
    behind = faster(runs[last], runs[counts[-1]])
    said = f"It stops at {last}: {counts[-1]} workers are {_times(behind)} as fast as {last}"
    if last >= processors:
        return f"{said}, because {have}, and a further one finds none that is free."
    following = counts[counts.index(last) + 1]
    if faster(runs[last], runs[following]).high > 0.75 * following / last:
        return f"{said}, although {have}: these rounds differ too much from each other to say what stops it."
    return f"{said}, although {have}: what stops it is not the processors."


def _times(ratio: Interval) -> str:
    return f"{ratio.estimate:.2f} times ({ratio.low:.2f} to {ratio.high:.2f})"


def _room(mib: float) -> str:
    return f"{mib / 1024:.1f} GiB" if mib >= 1000 else f"{mib:.0f} MiB"
