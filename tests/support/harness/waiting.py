"""Threads that wait without a processor.

OpenBLAS and OpenMP let a thread that waits for its next share of work turn in a loop for milliseconds, which is quicker where a core is
its own. The tests run several notebooks on a core, and each turn is taken from another one's work: three notebooks at a time on two cores
took 124 and 104 processor seconds with turning, 96 with sleeping (the machine's own drift is in these figures).
"""

import os

#: GCC's and LLVM's OpenMP; OpenBLAS: 2 ** 4 cycles, its least, in place of 2 ** 26. The number of threads stays that of a reader
ASLEEP = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_THREAD_TIMEOUT": "4"}


def sleep_while_waiting() -> None:
    """For every child from now on, and here for what is loaded later. What the caller's shell says comes first."""
    for name, value in ASLEEP.items():
        os.environ.setdefault(name, value)
