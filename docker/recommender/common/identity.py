"""Who asks: what a caller shows, the services' token or a customer's session.

A session is ``CUSTOMER.UNTIL.SIGNATURE``. The shop's login issues it (:func:`issue`), and the edge, which has the same key, believes
nothing else about who a customer is: neither a number in a path nor one in a body. It is a bearer credential: who reads it has it until
it expires, so it travels over TLS only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time

_FORM = re.compile(r"(0|[1-9][0-9]{0,9})\.([1-9][0-9]{0,11})\.([A-Za-z0-9_-]{43})", re.ASCII)


def issue(key: str, customer: int, seconds: float = 3600.0, now: float | None = None) -> str:
    """A session of a customer, for whoever has checked that it is them.

    Args:
        key: of the shop; only its login and the edge have it.
        seconds: how long it is good for.
        now: seconds since 1970, by default the clock's.
    """
    claim = f"{customer}.{int((time.time() if now is None else now) + seconds)}"
    return f"{claim}.{_signature(key, claim)}"


def customer_of(key: str, session: str, now: float | None = None) -> int | None:
    """Whose session it is; None for one that is forged, changed or expired."""
    match = _FORM.fullmatch(session)
    if match is None or not hmac.compare_digest(match[3], _signature(key, f"{match[1]}.{match[2]}")):
        return None
    return int(match[1]) if (time.time() if now is None else now) < int(match[2]) else None


def shown(header: str) -> str:
    """What stands behind ``Bearer`` in an ``Authorization`` header; the name of a scheme has no case (RFC 9110)."""
    scheme, _, value = header.partition(" ")
    return value.strip(" ") if scheme.lower() == "bearer" else ""


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode())


def _signature(key: str, claim: str) -> str:
    digest = hmac.new(key.encode(), f"session {claim}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
