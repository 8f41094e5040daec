"""Who asked whom, and how long it took: W3C trace context in, spans out, one JSON line each, with the request's id.

Source: *Trace Context*, W3C Recommendation, 2021 (the header ``traceparent``).
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from recommender.common.resilience import Deadline

HEADER = "traceparent"
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_log = logging.getLogger("recommender")
_log.propagate = False
_log.addHandler(logging.NullHandler())


def log_to_stdout() -> None:
    """For a process of its own; inside somebody else's the services keep quiet."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)


def log(what: str, /, **fields) -> None:
    """One line of JSON."""
    if _log.isEnabledFor(logging.INFO):
        _log.info("%s", json.dumps({"log": what, **fields}))


@dataclass(frozen=True)
class Context:
    """What a request carries from service to service.

    Attributes:
        trace_id, span_id: hexadecimal; the span is the innermost one under way.
        sampled: whether spans are kept; decided where the trace begins, and followed by everybody after.
    """

    service: str
    request_id: str
    deadline: Deadline
    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


current: ContextVar[Context] = ContextVar("context")


def parse(header: str) -> tuple[str, str, bool] | None:
    """Trace id, parent id and the flag *sampled* of a ``traceparent``; None for one that has to be ignored."""
    match = _FORM.fullmatch(header)
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return None
    if set(match[2]) == {"0"} or set(match[3]) == {"0"}:
        return None
    return match[2], match[3], bool(int(match[4], 16) & 1)


def begin(service: str, request_id: str, deadline: Deadline, header: str, share: float = 0.0) -> Context:
    """Continue the caller's trace, or begin one of our own.

    Args:
        share: how many of our own are kept, from 0 to 1.
    """
    own = secrets.token_hex(16), "", secrets.randbelow(1_000_000) < 1_000_000 * share
    trace_id, parent, sampled = parse(header) or own
    context = Context(service, request_id, deadline, trace_id, parent, sampled)
    current.set(context)
    return context


def shorten(deadline: Deadline) -> None:
    """Another deadline for the rest of this request."""
    current.set(replace(current.get(), deadline=deadline))


@contextmanager
def span(name: str, kind: str) -> Iterator[dict]:
    """A piece of work inside the current span; what the block puts into the dictionary is kept with it.

    Args:
        kind: ``server``, ``client``, ``store`` or ``work``.
    """
    outer = current.get()
    notes: dict[str, Any] = {}
    inner = replace(outer, span_id=secrets.token_hex(8))
    began, start = time.time(), time.perf_counter()
    current.set(inner)
    try:
        yield notes
    except Exception as error:
        notes.setdefault("error", type(error).__name__)
        raise
    finally:
        current.set(outer)
        if outer.sampled:
            log(
                "span", service=outer.service, name=name, kind=kind, trace_id=outer.trace_id, span_id=inner.span_id,
                parent_id=outer.span_id, request_id=outer.request_id, start=round(began, 6),
                ms=round(1000 * (time.perf_counter() - start), 3), **notes,
            )  # fmt: skip
