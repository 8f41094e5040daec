"""How well it ran: ``scaling`` (timing, speed-up, the laws, memory), whose names stand here too, and ``load``."""

from companion.measure.scaling import (
    Law,
    Peak,
    Timing,
    fit_amdahl,
    fit_usl,
    peak_memory,
    record,
    repeat,
    speedup_table,
)

__all__ = ["Law", "Peak", "Timing", "fit_amdahl", "fit_usl", "peak_memory", "record", "repeat", "speedup_table"]
