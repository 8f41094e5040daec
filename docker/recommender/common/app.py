"""The application that each service starts from: probes, problem documents, ids, deadlines, a token, headers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint, APIFlask, HTTPError, Schema
from apiflask.fields import Dict, String
from apiflask.validators import OneOf
from flask import Response, g, request
from flask.typing import ResponseReturnValue
from recommender.common import identity, trace
from recommender.common.errors import StoreSlow, StoreUnavailable
from recommender.common.resilience import Deadline
from serving import web

VERSION = "1.0.0"
MOST_BYTES = 64 * 1024
LEAST_SECONDS = 0.002
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Ready(Schema):
    """The service wants traffic."""

    status = String(required=True, validate=OneOf(["ready"]))
    service = String(required=True)
    dependencies = Dict(keys=String(), values=String(), required=True)


def new_app(
    name: str,
    title: str,
    *,
    token: str,
    public: bool,
    deadline_seconds: float,
    needs: Mapping[str, Callable[[], None]],
    knows: Callable[[], dict[str, str]] = dict,
    sessions: str = "",
    trace_share: float = 0.0,
) -> APIFlask:
    """An application without any business yet.

    Args:
        token: what a caller has to show, but for the probes and the contract.
        public: an edge: customers may ask it, with a session, but for what is in the blueprint ``internal`` and for ``/metrics``.
            What a stranger says about deadlines and traces is not believed there.
        deadline_seconds: what a request gets whose caller sets no deadline.
        needs: a check of each dependency without which the service is not ready; it raises what a store raises.
        knows: the state of dependencies that it can do without; reported, and no reason to be unready.
        sessions: the key of the customers' sessions (see ``identity``), of an edge.
        trace_share: how many traces that begin here are kept, from 0 to 1.
    """
    app = web.new_app(name, title, VERSION, most_bytes=MOST_BYTES)
    app.config.update(DEBUG=False, PROPAGATE_EXCEPTIONS=False)
    app.security_schemes = {"token": {"type": "http", "scheme": "bearer"}}
    if public:
        app.security_schemes["session"] = {"type": "http", "scheme": "bearer"}
    _follow(app, name, deadline_seconds, _believes(token, public), trace_share)
    _guard(app, token, public, sessions)
    web.speak_problems(app)
    _admit(app)
    app.register_blueprint(_probes(name, needs, knows))
    return app


def _admit(app: APIFlask) -> None:
    """A store that does not answer is no fault of the program's: say so, and when to come back."""

    def slow_or_away(error: StoreSlow | StoreUnavailable) -> ResponseReturnValue:
        slow = isinstance(error, StoreSlow)
        status = HTTPStatus.GATEWAY_TIMEOUT if slow else HTTPStatus.SERVICE_UNAVAILABLE
        answer: Any = app.error_callback(HTTPError(status, str(error), headers={"Retry-After": "1"}))
        return answer

    for kind in (StoreUnavailable, StoreSlow):
        app.register_error_handler(kind, slow_or_away)


def _probes(name: str, needs: Mapping[str, Callable[[], None]], knows: Callable[[], dict[str, str]]) -> APIBlueprint:
    """The blueprint that every service has."""
    probes = APIBlueprint("probes", __name__)

    def ready() -> dict[str, Any]:
        for check in needs.values():
            check()
        return {"status": "ready", "service": name, "dependencies": {**dict.fromkeys(needs, "ok"), **knows()}}

    web.add_probes(probes, ready, Ready, HTTPStatus.GATEWAY_TIMEOUT)
    return probes


def _believes(token: str, public: bool) -> Callable[[], bool]:
    """Whether this request's caller may say how long it waits and what is traced: a neighbour may, a stranger at the edge may not.

    A stranger who sets a deadline of 20 ms would make each neighbour look slow; one who sets the flag *sampled*, the log long.
    """
    return lambda: not public or identity.same(identity.shown(request.headers.get("Authorization", "")), token)


def _follow(
    app: APIFlask, name: str, deadline_seconds: float, believed: Callable[[], bool], trace_share: float
) -> None:
    """Each request has an id, a trace, a deadline, and a line in the log."""

    @app.before_request
    def begin() -> None:
        g.work = ExitStack()
        given = request.headers.get(Deadline.HEADER) if believed() else None
        parent = request.headers.get(trace.HEADER, "") if believed() else ""
        trace.begin(name, g.request_id, Deadline(deadline_seconds), parent, trace_share)
        route = request.url_rule.rule if request.url_rule else "none"
        g.notes = g.work.enter_context(trace.span(f"{request.method} {route}", "server"))
        if given is not None:
            if not (given.isascii() and given.isdigit() and len(given) <= 6):
                raise HTTPError(HTTPStatus.BAD_REQUEST, f"{Deadline.HEADER} must be a whole number of milliseconds")
            # a caller may only shorten it
            deadline = Deadline(min(int(given) / 1000, deadline_seconds))
            trace.shorten(deadline)
            if deadline.left() < LEAST_SECONDS:
                raise HTTPError(HTTPStatus.GATEWAY_TIMEOUT, "the deadline has passed: nobody waits for this answer")

    @app.after_request
    def end(response: Response) -> Response:
        response.headers.update(HEADERS)
        if "notes" in g:
            g.notes["status"] = response.status_code
        route = request.url_rule.rule if request.url_rule else "none"
        trace.log(
            "request", service=name, request_id=g.get("request_id", ""), method=request.method, route=route,
            status=response.status_code, ms=round(1000 * (time.perf_counter() - g.began), 3),
        )  # fmt: skip
        return response

    @app.teardown_request
    def close(_: BaseException | None) -> None:
        if "work" in g:
            g.work.close()


def only(customer: int) -> None:
    """At an edge: refuse a customer who asks about another. Who shows the services' token may ask about all."""
    if g.customer is not None and g.customer != customer:
        raise HTTPError(HTTPStatus.FORBIDDEN, "this session is another customer's")


def _guard(app: APIFlask, token: str, public: bool, sessions: str) -> None:
    """Who shows no token gets nothing but the probes and the contract; at an edge, a customer gets what is theirs."""

    @app.before_request
    def check_token() -> None:
        g.customer = None
        probe = request.blueprint == "probes" and not (public and request.endpoint == "probes.metrics")
        if probe or request.endpoint == "openapi.spec":
            return
        shown = identity.shown(request.headers.get("Authorization", ""))
        if identity.same(shown, token):
            return
        if public and request.blueprint not in ("internal", "probes"):
            g.customer = identity.customer_of(sessions, shown)
            if g.customer is not None:
                return
            raise HTTPError(HTTPStatus.UNAUTHORIZED, "log in: no session, or an old one", headers=_CHALLENGE)
        raise HTTPError(HTTPStatus.UNAUTHORIZED, "show the services' token", headers=_CHALLENGE)


_CHALLENGE = {"WWW-Authenticate": "Bearer"}
