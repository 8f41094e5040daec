"""Jenkins: a ``requests.Session`` bound to the controller at ``JENKINS_URL``. There is no embedded one.

Sign in with ``JENKINS_USER`` and ``JENKINS_TOKEN`` (an API token of that user's page), or as nobody where the controller lets
everybody read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests

from companion.engines import _http
from companion.engines._ladder import Status, climb, variable
from companion.errors import EngineUnavailable
from companion.processes import wait

VARIABLE, USER, TOKEN = VARIABLES = ("JENKINS_URL", "JENKINS_USER", "JENKINS_TOKEN")
GET_JENKINS = (
    f"Set {VARIABLE}, {USER} and {TOKEN}; or start the controller of this project, as jenkins/README.md says: "
    "docker compose -f jenkins/compose.yaml up -d"
)
_PLACE = re.compile(
    r"^WorkflowScript: \d+: (?P<message>.*?) @ line (?P<line>\d+), column (?P<column>\d+)\.?\s*$", re.M | re.S
)


class Controller(_http.Bound):
    """A session whose addresses are relative to the controller: ``session.get("api/json")``."""


def connect(*, timeout: float = 30) -> Controller:
    """A session with the controller, signed in, after it has said that it is one. One that still starts is waited for.

    Args:
        timeout: seconds that the session waits for each answer, and for a controller that still starts.

    Raises:
        EngineUnavailable: no controller answers, it is none, it is not ready, or it does not let this user in.
    """
    url = variable(VARIABLE)
    if not url:
        raise EngineUnavailable(f"no Jenkins controller is known. {GET_JENKINS}")
    bare, user, token = _http.address(VARIABLE, url, "https://jenkins.example/")
    user, token = variable(USER) or user, variable(TOKEN) or token
    controller = Controller(bare, timeout=timeout, kind="controller")
    if user:
        controller.auth = (user, token)
    try:
        answer = controller.first("api/json", variable=VARIABLE, params={"tree": "mode"})
    except requests.RequestException as error:
        raise EngineUnavailable(f"no Jenkins controller answers at {VARIABLE}={bare}. {GET_JENKINS}") from error
    if answer.status_code in (401, 403):
        raise EngineUnavailable(
            f"the controller at {bare} does not let {user or 'nobody in particular'} in "
            f"(status {answer.status_code}). Set {USER} and {TOKEN}."
        )
    if not answer.ok or "X-Jenkins" not in answer.headers:
        raise EngineUnavailable(f"what answers at {VARIABLE}={bare} is no Jenkins (status {answer.status_code})")
    controller.headers.update(_crumb(controller))
    return controller


def _crumb(controller: Controller) -> dict[str, str]:
    """The header that a controller wants with every POST, if it does."""
    answer = controller.get("crumbIssuer/api/json")
    if not answer.ok:
        return {}
    found = answer.json()
    return {found["crumbRequestField"]: found["crumb"]}


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
    place = _here(controller, answer.headers["Location"])
    item: dict[str, Any] = {}

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

    return wait.until(result, timeout, f"{_http.shown(run)} has not ended", pause=0.5)


def probe() -> Status:
    """The controller's version when one is set and answers."""
    return climb(
        "jenkins", client="requests", install=f"no controller. {GET_JENKINS}", live=_live_version, optional=True
    )


def _live_version() -> tuple[str, str] | None:
    if not variable(VARIABLE):
        return None
    with connect(timeout=2) as controller:
        try:
            version = controller.get("api/json", params={"tree": "mode"}).headers["X-Jenkins"]
        except requests.RequestException as error:
            raise EngineUnavailable(f"{controller.url} has stopped answering ({type(error).__name__})") from error
        return version, controller.url
