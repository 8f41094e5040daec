"""A pytest plugin for runs with nbval: end a kernel as Jupyter does, by asking it to.

nbval kills the kernel and its whole process group. Then nothing that a kernel does at its end happens, and a test of what it
leaves behind would test the kill.
"""

from nbval.kernel import RunningKernel

_PATIENCE_SECONDS = 120


def _stop(self: RunningKernel) -> None:
    self.kc.stop_channels()
    self.km.shutdown_wait_time = _PATIENCE_SECONDS
    self.km.shutdown_kernel()
    del self.km


RunningKernel.stop = _stop
