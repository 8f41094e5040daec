"""A kernel whose replies are not overlooked, that ends as by ``exit``, and whose end nobody misses: for whoever runs notebooks by nbclient.

nbclient answers a kernel's output widgets (ipywidgets' ``interact`` is one) over the socket on which it waits for the reply to the
cell. ZeroMQ tells of news once: where the reply comes while an answer is being sent, the sending takes the notice, and nbclient
waits for the reply that is there until the cell's time is up (seen with nbclient 0.11, jupyter_client 8.10, pyzmq 27.3). Here it looks
again every second.

A kernel that is asked to shut down (the protocol's ``shutdown_request``) sends signals to its process group first. Python's resource
tracker, which multiprocessing starts, ignores the mild ones: the kernel waits for half a minute, and then kills what would have
removed semaphores and shared memory after it (seen with ipykernel 7.4, Python 3.12).

A client's heartbeat is a thread that goes on asking at the kernel's address when the kernel has ended. Another kernel may have got that
address, for messages of another kind: ZeroMQ then gives the connection up, the thread waits for ever to send, and whoever stops the
client waits for the thread (seen with jupyter_client 8.10, libzmq 4.3). It is not started: whether the kernel lives the manager knows
from its process, and nothing asks the heartbeat.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.manager import AsyncKernelManager
from traitlets import Float, Type

#: ``exit``, by a name that no cell has overwritten
EXIT = "__import__('IPython').get_ipython().ask_exit()"
_LOOK_AGAIN_SECONDS = 1.0


class Channel(AsyncZMQSocketChannel):
    """Looks again for what it waits for, whether it was told of it or not."""

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:  # type: ignore[override]
        """As in ``jupyter_client``; ``timeout`` in seconds, or None to wait for ever.

        Raises:
            queue.Empty: nothing has come in time.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            try:
                return await super().get_msg(timeout=max(0, min(left, _LOOK_AGAIN_SECONDS)))
            except Empty:
                if left <= _LOOK_AGAIN_SECONDS:
                    raise


class Client(AsyncKernelClient):
    """Its channel for replies looks again, and it starts no heartbeat."""

    shell_channel_class = Type(Channel)

    def start_channels(
        self, shell: bool = True, iopub: bool = True, stdin: bool = True, hb: bool = False, control: bool = True
    ) -> None:
        """As in ``jupyter_client``, but for the heartbeat."""
        super().start_channels(shell, iopub, stdin, hb, control)


class Manager(AsyncKernelManager):
    """Starts a kernel and makes its clients: ``NotebookClient(..., kernel_manager_class=Manager)``."""

    client_factory = Type(Client, klass=AsyncKernelClient)
    exit_wait_time = Float(
        30.0, config=True, help="seconds that an idle kernel has to take down what it started, before Jupyter ends it"
    )
    _client: AsyncKernelClient | None = None

    def client(self, **kwargs: Any) -> AsyncKernelClient:  # type: ignore[override]
        """As in ``jupyter_client``; the last one that was made carries the wish for the kernel's end."""
        self._client = super().client(**kwargs)
        return self._client

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:  # type: ignore[override]
        """Let the kernel come to its end; one that doesn't, or is to end ``now``, is ended as Jupyter ends it."""
        if not now:
            await self._exit()
        await super().shutdown_kernel(now=now, restart=restart)

    async def _exit(self) -> None:
        if self._client is None or not self._client.channels_running:
            return
        if self.provisioner is None or not await self.is_alive():
            return
        self._client.execute(EXIT, store_history=False)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.provisioner.wait(), self.exit_wait_time)
