"""PySyft (placeholder until its helper lands)."""

from companion.engines import Status
from companion.engines._server import package_version


def probe() -> Status:
    return Status("pysyft", "embedded", package_version("syft") or "-", "in this process")
