"""The end of a test's kernel as ``exit`` in a cell brings it about: Python goes as it always goes, and so does what it has started."""

from __future__ import annotations

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager
from processes import until

from companion.processes.kernels import EXIT


def end(manager: KernelManager, client: BlockingKernelClient) -> None:
    """Let an idle kernel come to its end, with the grace of a busy machine; one that is still there then is killed.

    Why it is not asked to shut down, and why the heartbeat stops while there is a kernel: :mod:`companion.processes.kernels`, which
    does the same for whoever runs notebooks by nbclient.
    """
    if client.hb_channel.is_alive():
        client.hb_channel.stop()
    client.execute(EXIT, store_history=False)
    ended = until(lambda: not manager.is_alive())
    client.stop_channels()
    if ended:
        manager.cleanup_resources()
    else:
        manager.shutdown_kernel(now=True)
