"""A call to a neighbour: within the deadline, with the ids passed on, repeated only when that is safe and affordable."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import urllib3
from recommender.common import trace
from recommender.common.resilience import CircuitBreaker, Deadline, RetryBudget, full_jitter

CONNECT_SECONDS = 0.1
#: left for our own answer when a neighbour has used up its part
RESERVE_SECONDS = 0.02
ATTEMPTS = 3
_MOST_ANSWER = 1 << 20


class Unavailable(Exception):
    """The neighbour gave no usable answer; the caller has to do without."""

    def __init__(self, name: str, reason: str):
        super().__init__(f"{name}: {reason}")
        self.name, self.reason = name, reason


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
        self._pool = urllib3.PoolManager(maxsize=16, block=False, retries=False)

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
                raise Unavailable(self.name, reason or "no time left")  # not the neighbour's fault
            if not self.breaker.allow():
                raise Unavailable(self.name, reason or "circuit open")
            try:
                answer = self._once(method, path, headers or {}, what, attempt)
            except Unavailable as error:
                self.breaker.failure()
                reason = error.reason
            except Refused:
                self.breaker.success()  # it works
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
        # numbers in a path are customers and products: a log holds the route
        with trace.span(f"{method} {self.name}{re.sub(r'\d+', '…', path)}", "client") as notes:
            notes["attempt"] = attempt + 1
            inner = trace.current.get()
            try:
                reply = self._pool.request(
                    method,
                    self._url + path,
                    headers={
                        "Authorization": f"Bearer {self._token}",
                        "X-Request-ID": inner.request_id,
                        trace.HEADER: inner.traceparent,
                        Deadline.HEADER: str(int(1000 * min(left, self._read))),
                        **headers,
                    },
                    timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, left), read=min(self._read, left)),
                    redirect=False,
                    **what,
                )
            except urllib3.exceptions.TimeoutError as error:
                raise Unavailable(self.name, "timed out") from error
            except urllib3.exceptions.HTTPError as error:
                raise Unavailable(self.name, "no connection") from error
            notes["status"] = reply.status
        return self._read_answer(reply)

    def _read_answer(self, reply: urllib3.BaseHTTPResponse) -> dict:
        try:
            answer = json.loads(reply.data[:_MOST_ANSWER])
        except ValueError as error:
            raise Unavailable(self.name, f"status {reply.status}, no JSON") from error
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(self.name, f"status {reply.status}")
        if reply.status >= HTTPStatus.BAD_REQUEST:
            raise Refused(reply.status, answer, reply.headers)
        return answer
