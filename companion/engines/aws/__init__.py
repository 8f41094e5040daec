"""AWS: a ``boto3.Session`` whose clients talk to moto's server on loopback, or to the endpoint in ``AWS_ENDPOINT_URL``.

Real AWS is reached only by a reader who says so and names the account: ``COMPANION_REAL_AWS=<account number>``. Then
:class:`Plan` says what is made and what it costs an hour, somebody has to agree, and a call that makes anything else is stopped.
Without it the session holds made-up credentials, every client gets an explicit endpoint, and a request to any other host
is stopped.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from companion import this_run
from companion.engines import _embedded
from companion.engines._ladder import UNKNOWN, Status, climb, variable
from companion.engines.aws.fence import Fence, ask
from companion.engines.aws.plan import Plan
from companion.errors import EngineUnavailable
from companion.processes import caretaker
from companion.processes.server import answers, package_version
from companion.workspace import workspace

if TYPE_CHECKING:
    from boto3 import Session

VARIABLE, REAL = VARIABLES = ("AWS_ENDPOINT_URL", "COMPANION_REAL_AWS")
REGION = "us-east-1"
PROJECT = "scalable-ai-companion"
#: of this process: what it makes carries them, and clean_up() removes what carries them
TAGS = {"Project": PROJECT, "Run": this_run.TAG}
_AMAZON = ("amazonaws.com", "amazonaws.com.cn", "api.aws", "aws.dev")


def connect(*, plan: Plan | None = None, own: bool = False) -> Session:
    """A boto3 session bound to the stand-in: ``session.client("s3")`` works as it does anywhere else.

    Credentials, profiles, regions, proxies and endpoints in the environment or in ``~/.aws`` are not used. The embedded
    server is a thread of this process, so it ends with it.

    With ``COMPANION_REAL_AWS=<account number>`` it is the reader's own default session, after a check that it belongs to
    this very account. What the plan has and its price an hour are shown, and the account's last four digits have to be typed;
    then a call that makes anything that the plan does not have is stopped before it is sent.
    There, and at an endpoint of the reader's, what carries :data:`TAGS` is removed when the process ends, also when it is killed.

    Args:
        plan: what is made on real AWS at the most; without one nothing is made there. Elsewhere nothing costs, and it is not used.
        own: the stand-in of this kernel's own, whatever the variables say.

    Raises:
        EngineUnavailable: nothing answers at ``AWS_ENDPOINT_URL``, it points at Amazon itself, the account is another, or
            nobody has agreed to the plan.
    """
    if own:
        return _session(_embedded_endpoint())
    endpoint = variable(VARIABLE)
    if account := variable(REAL):
        return _connect_real(account, endpoint, plan or Plan())
    readers, endpoint = endpoint, endpoint or _embedded_endpoint()
    if _is_amazon(endpoint):
        raise EngineUnavailable(
            f"{VARIABLE} points at real AWS. Unset it; if you mean real AWS, with its bill, set {REAL} to your account number."
        )
    if not answers(endpoint, 80):
        raise EngineUnavailable(f"nothing answers at {VARIABLE}={endpoint}. Unset it to use the embedded stand-in.")
    if readers and not (_server and readers == _embedded_endpoint()):
        _remove_at_the_end(readers)
    return _session(endpoint)


def embedded() -> bool:
    """Whether :func:`connect` leads to the stand-in of this process."""
    return not variable(REAL) and not variable(VARIABLE)


def stand_in(what: str, *, because: str) -> bool:
    """Whether this is the embedded stand-in; at any other endpoint one sentence says what is skipped there, and why.

    What only the stand-in does is asserted behind it, in a cell tagged ``stand-in``::

        if aws_engine.stand_in("the size is not compared", because="AWS does scale"):
            assert group["DesiredCapacity"] == 2

    Args:
        what: what a reader of another endpoint does not get.
        because: what other endpoints do otherwise.
    """
    if embedded():
        return True
    print(f"Skipped, as this is not the embedded stand-in: {what}, because {because}.")
    return False


def _is_amazon(url: str) -> bool:
    host = (urlsplit(url if "//" in url else f"//{url}").hostname or "").rstrip(".")
    return any(host == name or host.endswith(f".{name}") for name in _AMAZON)


def _session(endpoint: str) -> Session:
    import boto3
    from botocore.config import Config
    from botocore.session import Session as Core

    class Bound(Core):
        """Every client gets the endpoint explicitly, which no variable and no file overrides."""

        def create_client(self, *arguments: Any, **options: Any) -> Any:
            options["endpoint_url"] = options.get("endpoint_url") or endpoint
            return super().create_client(*arguments, **options)

    # a configuration file of our own instead of the reader's hides ~/.aws and AWS_PROFILE
    config = workspace("aws") / "config"
    config.write_text("[profile embedded]\n")
    core = Bound(profile="embedded")
    core.set_config_variable("config_file", str(config))
    core.set_config_variable("credentials_file", os.devnull)
    core.set_config_variable("region", REGION)
    core.set_config_variable("use_fips_endpoint", False)
    core.set_config_variable("use_dualstack_endpoint", False)
    core.set_credentials("embedded", "embedded")
    core.set_default_client_config(Config(proxies={}))  # loopback is not behind the reader's proxy
    core.register("before-send.*", _refuse_others(endpoint))
    return boto3.Session(botocore_session=core)


def _refuse_others(endpoint: str) -> Callable[..., None]:
    """The last line of defence, against a client that was given another endpoint by hand."""
    own = urlsplit(endpoint)

    def refuse(request: Any, **_: object) -> None:
        there = urlsplit(request.url)
        same_host = there.hostname == own.hostname or str(there.hostname).endswith(f".{own.hostname}")
        if not same_host or there.port != own.port:
            raise EngineUnavailable(
                f"a request to {there.hostname} was stopped: this session only talks to the stand-in."
            )

    return refuse


# Real AWS


#: what was made in an account, by its number: a second connect() of this process does not begin to count anew
_made: dict[str, Any] = {}


def _connect_real(account: str, endpoint: str | None, plan: Plan) -> Session:
    if not re.fullmatch(r"\d{12}", account):
        raise EngineUnavailable(f"{REAL} must be the twelve digits of the account that may be billed, got {account!r}.")
    if endpoint:
        raise EngineUnavailable(f"{REAL} and {VARIABLE} are both set. Unset the one that you don't mean.")
    session = _real_session()
    try:
        found = session.client("sts").get_caller_identity()["Account"]
    except Exception as error:
        raise EngineUnavailable(f"{REAL} is set, but your credentials don't work: {error}") from error
    if found != account:
        raise EngineUnavailable(
            f"{REAL} says account {account}, but your credentials are of account {found}. Nothing done."
        )
    print(
        f"REAL AWS: account {found}, region {session.region_name}. What is made here is billed, tagged and removed again."
    )
    if plan:
        ask(plan, found, session.region_name)
    else:
        print("connect() was given no plan: nothing can be made.")
    _remove_at_the_end(account)
    return Fence(plan, _made.setdefault(account, {})).around(session)


def _real_session() -> Session:
    import boto3

    return boto3.Session()


@cache
def _remove_at_the_end(where: str) -> None:
    """Once for an endpoint or an account: what carries this run's tags goes when this process is gone."""
    caretaker.entrust(__name__, "remove_tagged", where=where, tags=TAGS)


def remove_tagged(where: str, tags: dict[str, str]) -> None:
    """For the caretaker: remove what a run made at an endpoint, or in the account that it was given."""
    session = _real_session() if where.isdigit() else _session(where)
    if not where.isdigit() or session.client("sts").get_caller_identity()["Account"] == where:
        _clean_up(session, tags)


def clean_up(session: Session, *, whole_project: bool = False) -> list[str]:
    """Delete the stacks, auto-scaling groups and launch templates that carry this process's :data:`TAGS`.

    Args:
        whole_project: those of every run, also of one that is at work somewhere else.

    Returns:
        What was deleted, as ``kind name``.
    """
    return _clean_up(session, {"Project": PROJECT} if whole_project else TAGS)


def _clean_up(session: Session, wanted: dict[str, str]) -> list[str]:
    def ours(tags: list[dict[str, str]]) -> bool:
        found = {tag["Key"]: tag["Value"] for tag in tags}
        return all(found.get(key) == value for key, value in wanted.items())

    def every(client: Any, operation: str, key: str) -> list[dict[str, Any]]:
        return [item for page in client.get_paginator(operation).paginate() for item in page[key]]

    deleted = []
    stacks, groups, machines = (session.client(name) for name in ("cloudformation", "autoscaling", "ec2"))
    for stack in every(stacks, "describe_stacks", "Stacks"):
        if ours(stack.get("Tags", [])):
            stacks.delete_stack(StackName=stack["StackName"])
            # by name: describing a deleted stack by its id makes moto create its resources again, for the outputs
            stacks.get_waiter("stack_delete_complete").wait(StackName=stack["StackName"])
            deleted.append(f"stack {stack['StackName']}")
    for group in every(groups, "describe_auto_scaling_groups", "AutoScalingGroups"):
        if ours(group.get("Tags", [])) and "Status" not in group:  # with one it is being deleted
            groups.delete_auto_scaling_group(AutoScalingGroupName=group["AutoScalingGroupName"], ForceDelete=True)
            deleted.append(f"group {group['AutoScalingGroupName']}")
    for template in every(machines, "describe_launch_templates", "LaunchTemplates"):
        if ours(template.get("Tags", [])):
            machines.delete_launch_template(LaunchTemplateId=template["LaunchTemplateId"])
            deleted.append(f"launch template {template['LaunchTemplateName']}")
    return deleted


# The stand-in

_server: Any = None


def _embedded_endpoint() -> str:
    """Start moto's server once a process and return its address."""
    global _server
    if _server is None:
        _embedded.require_machine()
        try:
            from moto.server import ThreadedMotoServer
        except ImportError as error:
            raise EngineUnavailable(f"no embedded AWS: pip install 'moto[server]', or set {VARIABLE}.") from error
        # importing them is what they are for
        from companion.engines.aws import moto_changes as _moto_changes  # noqa: F401
        from companion.engines.aws import moto_gaps as _moto_gaps  # noqa: F401

        # a line a request, and the server's side of an error that the client raises anyway, are noise in a notebook
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module=r"moto\b")
        _server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        _server.start()
    host, port = _server.get_host_and_port()
    return f"http://{host}:{port}"


def probe() -> Status:
    """The stand-in's version, and whether the endpoint in the environment answers."""
    return climb(
        "aws",
        client="boto3",
        install="pip install boto3 'moto[server]'",
        live=_live_place,
        embedded=lambda: (f"moto {package_version('moto') or UNKNOWN}", "a stand-in on loopback, no account"),
    )


def _live_place() -> tuple[str, str] | None:
    if account := variable(REAL):
        return UNKNOWN, f"real AWS, account {account}: what is made is billed"
    endpoint = variable(VARIABLE)
    if endpoint is None:
        return None
    if not answers(endpoint, 80):
        raise EngineUnavailable(f"nothing answers at {VARIABLE}={endpoint}")
    return UNKNOWN, endpoint
