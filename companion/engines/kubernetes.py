"""Kubernetes: the official client on the cluster in ``KUBECONFIG``. There is no embedded engine.

Only that variable counts: a ``~/.kube/config`` that lies about is never used by accident.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from companion.engines._ladder import Status, climb, variable
from companion.errors import EngineUnavailable
from companion.workspace import workspace

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

VARIABLE = "KUBECONFIG"
VARIABLES = (VARIABLE,)
GET_CLUSTER = (
    "A small one on this machine: kind create cluster --kubeconfig FILE (it needs Docker), or k3s, or minikube; then "
    f"export {VARIABLE}=FILE. The autoscaler also needs metrics-server in the cluster."
)


def connect(*, timeout: float = 10) -> ApiClient:
    """The official client, ``kubernetes.client.ApiClient``, after the cluster has told its version.

    It is a context manager. Hand it to ``client.AppsV1Api(…)``, ``dynamic.DynamicClient(…)`` and the like.

    Args:
        timeout: seconds to wait for the cluster's first answer.

    Raises:
        EngineUnavailable: ``KUBECONFIG`` is not set or can't be read, or the cluster does not answer; the message never
            holds what the file holds.
    """
    _version(timeout)
    return _client()


def _client(retries: int | None = None) -> ApiClient:
    files = variable(VARIABLE)
    if not files:
        raise EngineUnavailable(f"no cluster: {VARIABLE} is not set. {GET_CLUSTER}")
    from kubernetes import client, config
    from yaml import YAMLError

    settings = client.Configuration()
    settings.retries = retries
    try:
        # certificates and keys that lie inside the file are written out for TLS: in a folder of this process, not in TMPDIR
        keys = str(workspace("kubernetes"))
        config.load_kube_config(files, client_configuration=settings, persist_config=False, temp_file_path=keys)
    except (config.ConfigException, YAMLError, OSError, TypeError, AttributeError, KeyError, ValueError):
        missing = [file for file in files.split(os.pathsep) if not Path(file).expanduser().is_file()]
        why = "there is no such file" if missing else "it is not a kubeconfig with a current context"
        raise EngineUnavailable(f"{VARIABLE}={files} can't be used: {why}. {GET_CLUSTER}") from None
    return client.ApiClient(settings)


def _version(timeout: float) -> str:
    """The cluster's version, such as ``v1.36.2``, asked once."""
    from kubernetes.client import ApiException, VersionApi
    from urllib3.exceptions import HTTPError

    with _client(retries=0) as client:
        try:
            return VersionApi(client).get_code(_request_timeout=timeout).git_version
        except ApiException as error:
            why = "it does not accept the credentials" if error.status in (401, 403) else f"it answers {error.status}"
        except (HTTPError, OSError, ValueError) as error:
            why = f"it does not answer ({type(getattr(error, 'reason', error)).__name__})"
    raise EngineUnavailable(f"the cluster in {VARIABLE}={variable(VARIABLE)} can't be used: {why}. {GET_CLUSTER}")


def probe() -> Status:
    """The cluster's version when ``KUBECONFIG`` leads to one that answers."""
    return climb(
        "kubernetes",
        client="kubernetes",
        install=f"no cluster: {VARIABLE} is not set. {GET_CLUSTER}",
        live=lambda: (_version(timeout=2), files) if (files := variable(VARIABLE)) else None,
        optional=True,
    )
