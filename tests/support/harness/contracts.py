"""A service's contract held against the service: requests that it allows are made up, and every answer must be one that it promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import hypothesis


def broken(app: Any, headers: Mapping[str, str]) -> list[str]:
    """Paths of ``/openapi.json`` whose promise a WSGI application does not keep; what was wrong is printed."""
    import schemathesis  # two seconds, not at collection

    found = []
    for result in schemathesis.openapi.from_wsgi("/openapi.json", app).get_all_operations():
        operation = result.ok()

        @hypothesis.given(case=operation.as_strategy())
        @hypothesis.settings(
            max_examples=20,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        def fuzz(case: Any) -> None:
            case.call_and_validate(headers=dict(headers))

        try:
            fuzz()
        except Exception as failure:
            print(operation.path, failure)
            found.append(operation.path)
    return found
