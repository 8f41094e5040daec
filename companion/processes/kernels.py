"""A kernel whose replies are not overlooked: for whoever runs notebooks by nbclient.

nbclient answers a kernel's output widgets (ipywidgets' ``interact`` is one) over the socket on which it waits for the reply to the
cell. ZeroMQ tells of news once: where the reply comes while an answer is being sent, the sending takes the notice, and nbclient
waits for the reply that is there until the cell's time is up (seen with nbclient 0.11, jupyter_client 8.10, pyzmq 27.3). Here it looks
again every second.
"""

from __future__ import annotations

import math
import time
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.manager import AsyncKernelManager
from traitlets import Type

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
    """Its channel for replies looks again."""

    shell_channel_class = Type(Channel)


class Manager(AsyncKernelManager):
    """Starts a kernel and makes its clients: ``NotebookClient(..., kernel_manager_class=Manager)``."""

    client_factory = Type(Client, klass=AsyncKernelClient)
