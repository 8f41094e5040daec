"""HTTP whose answer has to be there in time, the whole of it: a timeout of urllib3 and of a socket is one of each single read.

A neighbour that sends a byte now and then is never too slow for those. Here each read gets what is *left* of the deadline.
"""

from __future__ import annotations

import http.client
import io
import socket
from typing import Any, cast

import urllib3
from recommender.common import trace

MOST_ANSWER = 1 << 20


class TooLarge(Exception):
    """The answer is longer than anybody needs."""


class _Reads(io.RawIOBase):
    """The bytes of a socket, until the current deadline has passed."""

    def __init__(self, sock: socket.socket):
        self._sock, self._inner = sock, sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = trace.current.get().deadline.left()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self._sock.settimeout(left)
        return self._inner.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose status line, headers and body are read like that."""

    def __init__(self, sock: socket.socket, *args: Any, **more: Any):
        super().__init__(sock, *args, **more)
        fresh = io.BufferedReader(_Reads(sock))
        self.fp.close()
        self.fp = cast("Any", fresh)


class _Connection(urllib3.connection.HTTPConnection):
    response_class = _Answer


class _SecureConnection(urllib3.connection.HTTPSConnection):
    response_class = _Answer


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def new_pool() -> urllib3.PoolManager:
    """Connections that are kept; nothing is repeated."""
    pool = urllib3.PoolManager(maxsize=16, block=False, retries=False)
    pool.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return pool


def read(reply: urllib3.BaseHTTPResponse) -> bytes:
    """The body of an answer that was asked for with ``preload_content=False``.

    Raises:
        TooLarge: it is, or says that it is, longer than ``MOST_ANSWER``; the rest is not read.
        urllib3.exceptions.HTTPError: it did not come in time, or not whole.
    """
    if (getattr(reply, "length_remaining", None) or 0) > MOST_ANSWER:
        reply.close()
        raise TooLarge
    body = reply.read(MOST_ANSWER + 1, decode_content=False)
    if len(body) > MOST_ANSWER:
        reply.close()
        raise TooLarge
    reply.release_conn()
    return body
