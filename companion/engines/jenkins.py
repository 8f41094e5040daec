"""Jenkins: a ``requests.Session`` bound to the controller at ``JENKINS_URL``. There is no embedded one.

Sign in with ``JENKINS_USER`` and ``JENKINS_TOKEN`` (an API token of that user's page), or as nobody where the controller lets
everybody read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import quote, urljoin, urlsplit

import requests

from companion.engines import Status
from companion.errors import EngineUnavailable
from companion.processes import wait
from companion.processes.server import package_version

VARIABLE = "JENKINS_URL"
GET_JENKINS = (
    f"Set {VARIABLE}, JENKINS_USER and JENKINS_TOKEN; or start the controller of this project: "
    "docker compose -f jenkins/compose.yaml --profile jenkins up -d"
)
_PLACE = re.compile(
    r"^WorkflowScript: \d+: (?P<message>.*?) @ line (?P<line>\d+), column (?P<column>\d+)\.?\s*$", re.M | re.S
)


class Controller(requests.Session):
    """A session whose addresses are relative to the controller: ``session.get("api/json")``."""

    def __init__(self, url: str, user: str = "", token: str = "", timeout: float = 30):
        super().__init__()
        self.url, self.timeout = url.rstrip("/") + "/", timeout
        self.trust_env = False  # no proxy, and no password from a netrc file
        if user:
            self.auth = (user, token)

    def request(self, method, url, **options):
        """As ``requests.Session.request``; an address of another host is refused."""
        address = urljoin(self.url, url)
        if urlsplit(address)[:2] != urlsplit(self.url)[:2]:
            raise EngineUnavailable(f"{_shown(address)} is not on the controller at {_shown(self.url)}")
        options.setdefault("timeout", self.timeout)
        return super().request(method, address, **options)


def connect(timeout: float = 30) -> Controller:
    """A session with the controller, signed in, after it has said that it is one.

    Raises:
        EngineUnavailable: no controller answers, it is none, or it does not let this user in.
    """
    url = os.environ.get(VARIABLE)
    if not url:
        raise EngineUnavailable(f"no Jenkins controller is known. {GET_JENKINS}")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EngineUnavailable(f"{VARIABLE}={_shown(url)} is no address; it looks like https://jenkins.example/")
    user = os.environ.get("JENKINS_USER") or parts.username or ""
    token = os.environ.get("JENKINS_TOKEN") or parts.password or ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    bare = parts._replace(netloc=host + (f":{parts.port}" if parts.port else "")).geturl()
    controller = Controller(bare, user, token, timeout)
    try:
        answer = controller.get("api/json", params={"tree": "mode"})
    except requests.RequestException as error:
        raise EngineUnavailable(f"no Jenkins controller answers at {VARIABLE}={_shown(bare)}. {GET_JENKINS}") from error
    if answer.status_code in (401, 403):
        raise EngineUnavailable(
            f"the controller at {_shown(bare)} does not let {user or 'nobody in particular'} in "
            f"(status {answer.status_code}). Set JENKINS_USER and JENKINS_TOKEN."
        )
    if not answer.ok or "X-Jenkins" not in answer.headers:
        raise EngineUnavailable(
            f"what answers at {VARIABLE}={_shown(bare)} is no Jenkins (status {answer.status_code})"
        )
    controller.headers.update(_crumb(controller))
    return controller


def _crumb(controller: Controller) -> dict[str, str]:
    """The header that a controller wants with every POST, if it does."""
    answer = controller.get("crumbIssuer/api/json")
    if not answer.ok:
        return {}
    found = answer.json()
    return {found["crumbRequestField"]: found["crumb"]}


def _shown(url: str) -> str:
    """An address without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def validate(controller: Controller, source: str) -> list[tuple[int, int, str]]:
    """What the controller's own validator says of a pipeline: line, column, reason; nothing when it is valid.

    Raises:
        EngineUnavailable: the controller has no validator (the plugin pipeline-model-definition), or refuses to answer.
    """
    answer = controller.post("pipeline-model-converter/validate", data={"jenkinsfile": source})
    if answer.status_code == 404:
        raise EngineUnavailable("the controller has no validator: install the plugin pipeline-model-definition")
    if not answer.ok:
        raise EngineUnavailable(f"the controller's validator answers with status {answer.status_code}")
    if "successfully validated" in answer.text:
        return []
    found = [(int(m["line"]), int(m["column"]), m["message"].strip()) for m in _PLACE.finditer(answer.text)]
    return found or [(1, 1, answer.text.strip()[:300])]


def start(
    controller: Controller, job: str, parameters: Mapping[str, object] | None = None, timeout: float = 120
) -> str:
    """Start a run of a job; its address on the controller, once it has left the queue.

    Args:
        job: its name; ``folder/name`` in a folder.
        timeout: seconds to wait in the queue.

    Raises:
        EngineUnavailable: there is no such job, it may not be started, or the queue takes too long.
    """
    path = "/".join(f"job/{quote(part)}" for part in job.split("/"))
    values = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in (parameters or {}).items()}
    answer = controller.post(
        f"{path}/{'buildWithParameters' if values else 'build'}", data=values, allow_redirects=False
    )
    if answer.status_code not in (201, 302, 303) or "Location" not in answer.headers:
        reason = {404: "there is no such job", 403: "this user may not start it"}.get(answer.status_code, "it refuses")
        raise EngineUnavailable(f"the job {job!r} was not started: {reason} (status {answer.status_code})")
    place, item = _here(controller, answer.headers["Location"]), {}

    def begun() -> str | None:
        nonlocal item
        item = controller.get(place + "api/json").json()
        if item.get("cancelled"):
            raise EngineUnavailable(f"the run of {job!r} was cancelled in the queue")
        return _here(controller, item["executable"]["url"]) if item.get("executable") else None

    return wait.until(
        begun,
        timeout,
        f"the run of {job!r} is still in the queue",
        detail=lambda: item.get("why") or "no reason",
        pause=0.5,
    )


def _here(controller: Controller, url: str) -> str:
    """An address that the controller gave, by the way that this session takes (it may know itself by another name)."""
    return urljoin(controller.url, urlsplit(url).path.rstrip("/") + "/")


def wait_for(controller: Controller, run: str, timeout: float = 7200) -> str:
    """Wait for the end of a run; its result, such as ``SUCCESS`` or ``FAILURE``."""

    def result() -> str | None:
        state = controller.get(_here(controller, run) + "api/json", params={"tree": "building,result"}).json()
        return None if state["building"] else state["result"]

    return wait.until(result, timeout, f"{_shown(run)} has not ended", pause=0.5)


def probe() -> Status:
    """The controller's version when one is set and answers."""
    if not os.environ.get(VARIABLE):
        return Status(
            "jenkins", "missing", package_version("requests") or "-", f"no controller. {GET_JENKINS}", optional=True
        )
    try:
        controller = connect(timeout=2)
        version = controller.get("api/json", params={"tree": "mode"}).headers["X-Jenkins"]
    except (EngineUnavailable, requests.RequestException) as error:
        return Status("jenkins", "missing", "-", str(error), optional=True)
    return Status("jenkins", "live", version, _shown(controller.url), optional=True)
