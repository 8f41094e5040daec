"""How well it ran: ``timing``, ``scaling`` (speed-up and its laws), ``memory`` and ``figures`` (what the book's notebooks have measured),
whose names stand here too, ``load`` and ``drift``."""

from companion.measure.figures import recorded, runs_of
from companion.measure.memory import Peak, peak_memory, sampling
from companion.measure.scaling import PLAIN, Law, fit_amdahl, fit_usl, outlook, speedup_table, worker_counts
from companion.measure.timing import Interval, Timing, faster, record, repeat, rounds

__all__ = [
    "PLAIN",
    "Interval",
    "Law",
    "Peak",
    "Timing",
    "faster",
    "fit_amdahl",
    "fit_usl",
    "outlook",
    "peak_memory",
    "record",
    "recorded",
    "repeat",
    "rounds",
    "runs_of",
    "sampling",
    "speedup_table",
    "worker_counts",
]
