"""A pytest plugin for runs with nbval: lets a kernel come to its end (:mod:`harness.ends`), and measures what it takes.

nbval kills the kernel and its whole process group. Then nothing that a kernel does at its end happens, and a test of what it
leaves behind would test the kill.

The variable FIGURES names the file that takes the figures: seconds from the first cell to the last, and the peak memory of the
kernel and of all that it has started.
"""

import gc
import json
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

FIGURES = "COMPANION_TEST_FIGURES"
if FIGURES in os.environ:  # this is the process of one run: it loads, compares and ends, and has no garbage to look for
    gc.disable()
# jsonschema would load it for the format "iri", which no notebook has: its grammar takes as long as all else that nbval loads
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

from nbval.kernel import RunningKernel  # noqa: E402

from harness.ends import end  # noqa: E402

#: seconds between two looks at the memory: looking at a process with many pages is no small work
_INTERVAL = 1.0
_start = RunningKernel.__init__


def _watched_start(self: RunningKernel, *args, **kwargs) -> None:
    _start(self, *args, **kwargs)
    self.ending = ExitStack()
    if path := os.environ.get(FIGURES):
        from companion import measure

        peak = self.ending.enter_context(measure.peak_memory(self.km.provisioner.pid, _INTERVAL))
        begun = time.perf_counter()
        self.ending.callback(lambda: _write(Path(path), time.perf_counter() - begun, peak.mib))


def _write(path: Path, seconds: float, peak_mib: float) -> None:
    path.write_text(json.dumps({"seconds": round(seconds, 1), "peak_mib": round(peak_mib)}))


def _stop(self: RunningKernel) -> None:
    self.ending.close()
    end(self.km, self.kc)
    del self.km


RunningKernel.__init__ = _watched_start
RunningKernel.stop = _stop
