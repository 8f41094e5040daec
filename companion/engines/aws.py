"""AWS: a ``boto3.Session`` whose clients talk to moto's server on loopback, or to the endpoint in ``AWS_ENDPOINT_URL``.

Real AWS is never reached from here: the session holds made-up credentials and every client gets an explicit endpoint.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from companion._server import answers, package_version
from companion.engines import Status
from companion.errors import EngineUnavailable
from companion.workspace import workspace

if TYPE_CHECKING:
    from boto3 import Session

VARIABLE = "AWS_ENDPOINT_URL"
REGION = "us-east-1"


def connect() -> Session:
    """A boto3 session bound to the stand-in: ``session.client("s3")`` works as it does anywhere else.

    Credentials in the environment or in ``~/.aws`` are not read. The embedded server is a thread of this process, so it
    ends with it.

    Raises:
        EngineUnavailable: nothing answers at ``AWS_ENDPOINT_URL``, or it points at Amazon itself.
    """
    endpoint = os.environ.get(VARIABLE) or _embedded_endpoint()
    if "amazonaws.com" in endpoint:
        raise EngineUnavailable(f"{VARIABLE} points at real AWS, which this book does not touch. Unset it.")
    if not answers(endpoint, 80):
        raise EngineUnavailable(f"nothing answers at {VARIABLE}={endpoint}. Unset it to use the embedded stand-in.")
    return _session(endpoint)


def _session(endpoint: str) -> Session:
    import boto3
    from botocore.session import Session as Core

    # a configuration file of our own instead of the reader's: it names the endpoint, and hides ~/.aws and AWS_PROFILE
    config = workspace("aws") / "config"
    config.write_text(f"[profile embedded]\nregion = {REGION}\nendpoint_url = {endpoint}\n")
    core = Core(profile="embedded")
    core.set_config_variable("config_file", str(config))
    core.set_config_variable("credentials_file", os.devnull)
    core.set_credentials("embedded", "embedded")
    core.register("before-send.*", _refuse_real_aws)
    return boto3.Session(botocore_session=core)


def _refuse_real_aws(request, **_) -> None:
    """The last line of defence: a service-specific AWS_ENDPOINT_URL_* could still lead a client out."""
    host = urlsplit(request.url).hostname or ""
    if host.endswith(("amazonaws.com", "amazonaws.com.cn", "api.aws")):
        raise EngineUnavailable(f"a request to {host} was stopped: this session only talks to the stand-in.")


_server = None


def _embedded_endpoint() -> str:
    """Start moto's server once a process and return its address."""
    global _server
    if _server is None:
        try:
            from moto.server import ThreadedMotoServer
        except ImportError as error:
            raise EngineUnavailable(f"no embedded AWS: pip install 'moto[server]', or set {VARIABLE}.") from error
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request is noise in a notebook
        _server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        _server.start()
    host, port = _server.get_host_and_port()
    return f"http://{host}:{port}"


def probe() -> Status:
    """boto3's version, and whether the endpoint in the environment answers."""
    version = package_version("boto3")
    if version is None:
        return Status("aws", "missing", "-", "pip install boto3 'moto[server]'")
    if endpoint := os.environ.get(VARIABLE):
        if answers(endpoint, 80):
            return Status("aws", "live", version, endpoint)
        return Status("aws", "missing", version, f"nothing answers at {VARIABLE}={endpoint}")
    return Status("aws", "embedded", version, f"moto {package_version('moto')} on loopback, no account")
