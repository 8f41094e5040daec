"""What a child process gets of this process' environment: all that is not somebody else's business.

A reader's shell may hold the address of a production database, a cloud's keys, a token, or a setting of gunicorn's that was
meant for another server. A service, an engine or a job that a notebook starts needs none of them: what it has to know is
handed to it by name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, MutableMapping

#: what names an engine, or a way into one (see ``VARIABLES`` of each module of ``companion.engines``)
ENGINES = (
    "AWS_",
    "COMPANION_BASE_IMAGE",
    "COMPANION_REAL_AWS",
    "DASK_",
    "DATABASE_URL",
    "DOCKER_",
    "JENKINS_",
    "KUBECONFIG",
    "KUBERNETES_",
    "PG",
    "PROMETHEUS_",
    "REDIS_",
    "SPARK_",
    "SYFT_DO_",
    "SYFT_DS_",
    "VALKEY_",
)
#: what a web server, and the services of ``docker/``, read as their settings
SERVERS = (
    "CATALOGUE_",
    "CLOUD_",
    "FEATURES_",
    "FLASK_",
    "FORWARDED_ALLOW_IPS",
    "GUNICORN_",
    "MODEL_FOLDER",
    "PORT",
    "RANKING_",
    "RECOMMENDER_",
    "SENDFILE",
    "SERVICE_",
    "SHOPS_",
    "WEB_CONCURRENCY",
    "WERKZEUG_",
)
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|SECRETS|PASS|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|APIKEY|KEY|PAT)(?:_|$)",
    re.IGNORECASE,
)
#: an address with a password in it
_SECRET_VALUE = re.compile(r"://[^/\s@]*:[^/\s@]+@")


def is_passed_on(name: str, value: str = "") -> bool:
    """Whether a child may see a variable: it names no engine, sets no server, and neither is nor holds a secret."""
    return not (
        name.upper().startswith((*ENGINES, *SERVERS)) or _SECRET_NAME.search(name) or _SECRET_VALUE.search(value)
    )


def for_child(*own: Mapping[str, str], keep: Iterable[str] = ()) -> dict[str, str]:
    """A child's environment: what of this process' it may see, and what it is given.

    Args:
        own: variables of its own; a later mapping wins.
        keep: beginnings of names that this child needs all the same.
    """
    kept = tuple(keep)
    passed = {k: v for k, v in os.environ.items() if is_passed_on(k, v) or (kept and k.startswith(kept))}
    for mapping in own:
        passed.update(mapping)
    return passed


def strip(variables: MutableMapping[str, str] | None = None) -> None:
    """Remove what a child may not see, from within the child (by default from its own environment)."""
    found = os.environ if variables is None else variables
    for name in [name for name, value in found.items() if not is_passed_on(name, value)]:
        del found[name]
