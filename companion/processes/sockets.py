"""What this process' TCP sockets do: who may reach those that listen, and how many bytes went through the others.

For native servers inside the process, such as TensorFlow's, whose sockets Python has not made and offers no setting for.
"""

from __future__ import annotations

import os
import socket
import statistics
import struct
import threading
import time
from collections.abc import Collection

from companion.errors import EngineUnavailable

_BYTES_RECEIVED = struct.Struct("=128xQ")  # tcpi_bytes_received of struct tcp_info, of linux/tcp.h


def loopback_only() -> list[int]:
    """Bind every listening TCP socket of this process to the loopback interface; the ports, in order.

    From then on the system refuses connections that come in over a network. One from this very machine is let in.

    Raises:
        EngineUnavailable: this system has no such setting, or does not let this process use it.
    """
    import psutil

    ports = set()
    for known in psutil.Process().net_connections(kind="tcp"):
        if known.status == psutil.CONN_LISTEN:
            with socket.socket(fileno=os.dup(known.fd)) as found:
                try:
                    found.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
                except (AttributeError, OSError) as error:
                    raise EngineUnavailable(
                        f"port {known.laddr.port} can't be closed to other machines ({error}): that takes Linux 5.7 or newer"
                    ) from error
            ports.add(known.laddr.port)
    return sorted(ports)


def bytes_received(ports: Collection[int]) -> int:
    """Bytes that have come in over this process' open connections with these ports at either end, as the system counts them.

    Raises:
        EngineUnavailable: this system does not count them.
    """
    import psutil

    total = 0
    for known in psutil.Process().net_connections(kind="tcp"):
        if known.raddr and {known.laddr.port, known.raddr.port} & set(ports):
            with socket.socket(fileno=os.dup(known.fd)) as found:
                try:
                    info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                    total += _BYTES_RECEIVED.unpack_from(info)[0]
                except (AttributeError, OSError, struct.error) as error:
                    raise EngineUnavailable(f"this system does not count a connection's bytes ({error})") from error
    return total


def loopback_seconds(size: int, repeats: int = 20) -> float:
    """Median time in which ``size`` bytes go through a plain TCP connection of this machine with itself."""
    seconds = []
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as out:
        into, _ = server.accept()
        with into:
            for _ in range(repeats):
                begin = time.perf_counter()
                sender = threading.Thread(target=out.sendall, args=(bytes(size),))
                sender.start()
                left = size
                while left:
                    left -= len(into.recv(left))
                seconds.append(time.perf_counter() - begin)
                sender.join()
    return statistics.median(seconds)
