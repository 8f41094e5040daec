"""A service that stumbles: a client's first requests are answered by an error instead of being sent."""

from __future__ import annotations

from typing import Any


class Stumble:
    """Register it as ``before-send.SERVICE.*`` of a boto3 client: it answers the first ``times`` requests with ``status``.

    Attributes:
        seen: requests so far, answered here or sent.
    """

    def __init__(self, times: int, status: int):
        self.left, self.status, self.seen = times, status, 0

    def __call__(self, request: Any, **_: object) -> Any:
        from botocore.awsrequest import AWSResponse

        self.seen += 1
        if self.left <= 0:
            return None
        self.left -= 1
        answer = AWSResponse(request.url, self.status, {}, None)
        answer._content = b"<ErrorResponse><Error><Code>Oops</Code><Message>not now</Message></Error></ErrorResponse>"
        return answer
