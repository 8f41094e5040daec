"""A call to a neighbour: within the deadline, with the ids passed on, repeated only when that is safe and affordable."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import urllib3
from recommender.common import trace, wire
from recommender.common.resilience import CircuitBreaker, Deadline, RetryBudget, full_jitter

CONNECT_SECONDS = 0.1
#: left for our own answer when a neighbour has used up its part
RESERVE_SECONDS = 0.02
ATTEMPTS = 3


class Unavailable(Exception):
    """The neighbour gave no usable answer; the caller has to do without.

    Attributes:
        theirs: whether that is the neighbour's failure. It is not when it had less time than it is due, or was not asked.
    """

    def __init__(self, name: str, reason: str, theirs: bool = True):
        super().__init__(f"{name}: {reason}")
        self.name, self.reason, self.theirs = name, reason, theirs


class Refused(Exception):
    """The neighbour understood, and said no (4xx): the caller's own fault, or the caller's caller's."""

    def __init__(self, status: int, problem: Mapping[str, Any], headers: Mapping[str, str]):
        super().__init__(problem.get("detail", ""))
        self.status, self.problem, self.headers = status, problem, headers


class Neighbour:
    """Another service, seen from this process. The breaker and the budget are this process' own view of it."""

    def __init__(
        self,
        name: str,
        url: str,
        token: str,
        *,
        read_seconds: float,
        breaker: CircuitBreaker,
        budget: RetryBudget,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.name, self.breaker, self.budget = name, breaker, budget
        self._url, self._token, self._read, self._sleep = url.rstrip("/"), token, read_seconds, sleep
        self._pool = wire.new_pool()

    def get(self, path: str, **query: int) -> dict[str, Any]:
        """Repeating a GET changes nothing."""
        return self._call("GET", path, repeatable=True, fields=query or None)

    def post(self, path: str, body: dict[str, Any], idempotency_key: str) -> dict[str, Any]:
        """Repeating this POST changes nothing either, thanks to its key."""
        return self._call("POST", path, repeatable=True, json=body, headers={"Idempotency-Key": idempotency_key})

    def _call(self, method: str, path: str, *, repeatable: bool, headers: dict[str, str] | None = None, **what) -> dict:
        self.budget.request()
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt and not self._may_retry(repeatable, attempt):
                break
            if trace.current.get().deadline.left() <= RESERVE_SECONDS:
                raise Unavailable(self.name, reason or "no time left", theirs=False)
            if not self.breaker.allow():
                raise Unavailable(self.name, reason or "circuit open", theirs=False)
            try:
                answer = self._once(method, path, headers or {}, what, attempt)
            except Unavailable as error:
                # a breaker that counted impatience would let anybody in a hurry switch the neighbour off for everybody
                (self.breaker.failure if error.theirs else self.breaker.cancel)()
                reason = error.reason
            except Refused:
                self.breaker.success()  # it works
                raise
            except BaseException:
                self.breaker.cancel()
                raise
            else:
                self.breaker.success()
                return answer
        raise Unavailable(self.name, reason)

    def _may_retry(self, repeatable: bool, attempt: int) -> bool:
        pause = full_jitter(attempt - 1)
        left = trace.current.get().deadline.left()
        if not repeatable or pause + 2 * RESERVE_SECONDS >= left or not self.budget.retry():
            return False
        self._sleep(pause)
        return True

    def _once(self, method: str, path: str, headers: dict[str, str], what: dict, attempt: int) -> dict:
        context = trace.current.get()
        left = max(0.001, context.deadline.left() - RESERVE_SECONDS)
        # what it is due is read_seconds; a caller in a hurry may give it less, and must not blame it then
        given, fair = min(left, self._read), left >= self._read
        # numbers in a path are customers and products: a log holds the route
        with trace.span(f"{method} {self.name}{re.sub(r'\d+', '…', path)}", "client") as notes:
            notes["attempt"] = attempt + 1
            trace.shorten(Deadline(given))  # of this attempt, connecting and the last byte of the answer included
            inner = trace.current.get()
            try:
                reply = self._pool.request(
                    method,
                    self._url + path,
                    headers={
                        "Authorization": f"Bearer {self._token}",
                        "X-Request-ID": inner.request_id,
                        trace.HEADER: inner.traceparent,
                        Deadline.HEADER: str(int(1000 * given)),
                        **headers,
                    },
                    timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=given),
                    redirect=False,
                    preload_content=False,
                    **what,
                )
                body = wire.read(reply)
            except urllib3.exceptions.TimeoutError as error:
                raise Unavailable(self.name, "timed out", theirs=fair) from error
            except urllib3.exceptions.HTTPError as error:
                raise Unavailable(self.name, "no connection") from error
            except wire.TooLarge as error:
                raise Unavailable(self.name, "an answer that is too large") from error
            notes["status"] = reply.status
        return self._understand(reply, body, fair)

    def _understand(self, reply: urllib3.BaseHTTPResponse, body: bytes, fair: bool) -> dict:
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Unavailable(self.name, f"status {reply.status}, no JSON") from error
        if not isinstance(answer, dict):
            raise Unavailable(self.name, f"status {reply.status}, no JSON object")
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            late = reply.status == HTTPStatus.GATEWAY_TIMEOUT
            raise Unavailable(self.name, f"status {reply.status}", theirs=fair or not late)
        if reply.status >= HTTPStatus.BAD_REQUEST:
            raise Refused(reply.status, answer, reply.headers)
        return answer
