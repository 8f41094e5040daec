"""A ``requests.Session`` that is bound to one server: for engines whose own interface is HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import requests

from companion.errors import EngineUnavailable, SettingError
from companion.processes import wait


class Bound(requests.Session):
    """A session whose addresses are relative to the server: ``session.get("api/json")``.

    Attributes:
        url: the server's address, without user and password, with a slash at its end.
        timeout: seconds, of each request that names none.
        kind: what its messages call the server.
    """

    def __init__(self, url: str, *, timeout: float = 30, kind: str = "server"):
        super().__init__()
        self.kind = kind
        self.url, self.timeout = shown(url).rstrip("/") + "/", timeout
        self.trust_env = False  # no proxy, and no password from a netrc file

    def request(self, method: str | bytes, url: str | bytes, *arguments: Any, **options: Any) -> requests.Response:
        """As ``requests.Session.request``.

        Raises:
            SettingError: the address is another server's.
        """
        address = urljoin(self.url, url if isinstance(url, str) else url.decode())
        if urlsplit(address)[:2] != urlsplit(self.url)[:2]:
            raise SettingError(f"{shown(address)} is not on the {self.kind} at {self.url}")
        options.setdefault("timeout", self.timeout)
        return super().request(method, address, *arguments, **options)

    def first(self, url: str, *, variable: str, **options: Any) -> requests.Response:
        """The answer to the first GET. A server that has just been started answers 503 until it is ready: it is waited for,
        as long as for any answer.

        Args:
            variable: where the server's address came from, for the message.
            options: as of ``get``.

        Raises:
            WaitError: it answers 503 all the while.
            requests.RequestException: nothing answers.
        """
        answers = wait.until(  # in a list: requests takes an answer that is an error for false
            lambda: None if (got := self.get(url, **options)).status_code == 503 else [got],
            self.timeout,
            f"the {self.kind} at {variable}={self.url.rstrip('/')} is not ready (status 503)",
        )
        return answers[0]


def shown(url: str) -> str:
    """An address without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def address(variable: str, url: str, example: str) -> tuple[str, str, str]:
    """An address from the environment, as the bare address, the user and the password.

    Raises:
        EngineUnavailable: it is none; the message has no password.
    """
    bare = None
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            bare = shown(url)
    except ValueError:
        pass
    if (
        bare is None or "@" in bare
    ):  # a password that is not percent-encoded; and outside of the handler, which quotes it
        told = "" if "@" in url else f"={url}"
        raise EngineUnavailable(f"{variable}{told} is no address; it looks like {example}")
    return bare, unquote(parts.username or ""), unquote(parts.password or "")
