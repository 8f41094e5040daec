"""As the other services run, with an access log, and JSON lines on standard output."""

import os

os.environ.setdefault("SERVICE_MOST_BODY", str(64 * 1024))

from serving.gunicorn_conf import *  # noqa: F403

accesslog = os.environ.get("SERVICE_ACCESS_LOG")
# no path: its customers' numbers are nobody's business; the route stands in the JSON lines, under the same id
access_log_format = "%(t)s %(m)s %(s)s %(B)s %(D)s %({x-request-id}o)s"


def post_worker_init(worker):
    """The worker's own process has begun."""
    from recommender.common import trace

    trace.log_to_stdout()
