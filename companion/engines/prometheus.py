"""Prometheus: a ``requests.Session`` bound to the HTTP API of a server of this kernel's own, or of the one in ``PROMETHEUS_URL``.

There is no official Python client: ``session.get("api/v1/query", params={"query": "up"})`` is the engine's own interface.
The server here is whatever ``prometheus`` is on the PATH. It listens on loopback, speaks TLS with a certificate made for this
one session, and answers nobody who does not show that certificate (it knows passwords only as bcrypt hashes, for which the
standard library has no function).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from companion.engines import _embedded, _http, guest
from companion.engines._certificate import self_signed, web_config
from companion.engines._ladder import Status, climb, variable, version_of
from companion.errors import CompanionError, EngineUnavailable, SettingError
from companion.processes.server import Server, free_port, is_free
from companion.workspace import check_free, disk_errors, workspace

#: the server, and a folder whose ``*.json`` it watches (its own ``file_sd_configs``)
VARIABLE, TARGETS_VARIABLE = VARIABLES = ("PROMETHEUS_URL", "PROMETHEUS_FILE_SD")
GET_PROMETHEUS = (
    "Debian/Ubuntu: apt-get install prometheus (it brings promtool). macOS: brew install prometheus. "
    f"A server elsewhere, or in a container: set {VARIABLE}."
)
GET_ALERTMANAGER = "Debian/Ubuntu: apt-get install prometheus-alertmanager. macOS: brew install alertmanager."
#: Debian's name, and upstream's
_ALERTMANAGERS = ("prometheus-alertmanager", "alertmanager")
_ROOM = 64 * 2**20
_ERROR = re.compile(r'level=(?:error|ERROR).*?\berr="((?:[^"\\]|\\.)*)"')


class Api(_http.Bound):
    """A session whose addresses are relative to the server: ``session.get("api/v1/query", params=...)``.

    Closing it ends the embedded server.
    """

    def close(self) -> None:
        """Close the connections, and take away what this session has started or announced."""
        super().close()
        for step in self.__dict__.pop("_at_close", []):
            step()

    def at_close(self, step: Callable[[], None]) -> None:
        """Call ``step`` when the session is closed."""
        self.__dict__.setdefault("_at_close", []).append(step)


def connect(
    *,
    folder: str | Path | None = None,
    port: int | None = None,
    settings: Mapping[str, Any] | None = None,
    rules: Sequence[str | Path] = (),
    own: bool = False,
    timeout: float = 30,
) -> Api:
    """A session with a Prometheus server that is ready; a ``with`` block ends the embedded one.

    Args:
        folder: keeps the data (see ``backfill``), for a later call with the same folder; always a server of this kernel's own.
        port: of the embedded server; a free one by default.
        settings: Prometheus' own configuration, as in ``prometheus.yml``. A server in ``PROMETHEUS_URL`` gets from it only the
            static targets, as a file in the folder ``PROMETHEUS_FILE_SD`` that it watches.
        rules: files of recording and alerting rules; for the embedded server only.
        own: a server of this kernel's own, whatever ``PROMETHEUS_URL`` says.
        timeout: seconds that the session waits for each answer.

    Raises:
        EngineUnavailable: nothing usable at ``PROMETHEUS_URL``, or the embedded server does not start: there is none, its port
            is taken, its configuration or a rule file is wrong, its data are in use, damaged or not its own.
        SettingError: a rule file that is not there.
        WorkspaceError: the disk is full.
    """
    missing = [str(rule) for rule in rules if not Path(rule).is_file()]
    if missing:
        raise SettingError(f"no such rule file: {', '.join(missing)}")
    if not own and folder is None and (url := variable(VARIABLE)):
        return _live(url, settings or {}, rules, timeout)
    binary = _binary("prometheus")
    _embedded.require_machine()
    if port is not None and not is_free(port):
        raise _embedded.taken(port)
    scratch = workspace("prometheus")
    place = scratch / "data" if folder is None else Path(folder).resolve()
    check_free(scratch, _ROOM)
    _check_data(place)
    with disk_errors(scratch):
        certificate, key = self_signed(scratch)
        _write_config(scratch, settings or {}, rules)
        place.mkdir(parents=True, exist_ok=True)
    return _start(binary, scratch, place, port or free_port(), (certificate, key), timeout)


def backfill(openmetrics: Path, folder: Path) -> None:
    """Turn a file of samples with their times (OpenMetrics text) into blocks in ``folder``, by promtool.

    Raises:
        EngineUnavailable: there is no promtool, or it refuses the file; the message says where.
        WorkspaceError: the disk is full.
    """
    arguments = ["tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=768h"]
    done = promtool(*arguments, str(openmetrics), str(folder))
    if done.returncode:
        said = done.stdout.strip().splitlines() or ["no reason given"]
        raise _explained(
            folder, done.stdout, EngineUnavailable(f"promtool made no blocks of {openmetrics}: {said[-1]}")
        )


def promtool(*arguments: str, text: str | None = None, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool; its exit code, and in ``stdout`` all that it said.

    Args:
        text: its standard input.
        folder: where it runs.

    Raises:
        EngineUnavailable: there is no promtool.
    """
    return subprocess.run(
        [_binary("promtool"), *arguments],
        input=text or "",
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def has_alertmanager() -> bool:
    """Whether there is one on the PATH."""
    return any(map(shutil.which, _ALERTMANAGERS))


def alertmanager(settings: Mapping[str, Any], *, timeout: float = 30) -> Api:
    """A session with an Alertmanager of this kernel's own, which is no part of any cluster; a ``with`` block ends it.

    Args:
        settings: Alertmanager's own configuration, as in ``alertmanager.yml``.
        timeout: seconds that the session waits for each answer.

    Raises:
        EngineUnavailable: there is none on the PATH, or it does not take the configuration.
    """
    import yaml

    found = next(filter(None, map(shutil.which, _ALERTMANAGERS)), None)
    if found is None:
        raise EngineUnavailable(f"no {_ALERTMANAGERS[0]} on the PATH. {GET_ALERTMANAGER}")
    _embedded.require_machine()
    folder, port = workspace("alertmanager"), free_port()
    check_free(folder, _ROOM)
    with disk_errors(folder):
        certificate = self_signed(folder)
        web_config(folder)
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(dict(settings), sort_keys=False))
        (folder / "alertmanager.yml").chmod(0o600)
    command = [found, f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}"]
    command += [f"--web.config.file={folder / 'web.yml'}", f"--web.listen-address=127.0.0.1:{port}"]
    server = Server([*command, "--cluster.listen-address="], log=folder / "alertmanager.log", folder=folder)
    return _when_ready(server, "Alertmanager", folder, port, certificate, timeout)


def probe() -> Status:
    """The version of the server in ``PROMETHEUS_URL``, or of the one that would start here."""
    return climb(
        "prometheus",
        client="requests",
        install=GET_PROMETHEUS,
        live=_live_version,
        embedded=_embedded_version,
        optional=True,
    )


def _live_version() -> tuple[str, str] | None:
    url = variable(VARIABLE)
    if url is None:
        return None
    with _session(url, timeout=2) as api:
        return _version(api), _http.shown(url)


def _embedded_version() -> tuple[str, str]:
    _binary("promtool")
    return version_of(_binary("prometheus"), r"version ([\w.]+)"), "on loopback, behind a certificate"


# the server in the environment


def _live(url: str, settings: Mapping[str, Any], rules: Sequence[str | Path], timeout: float) -> Api:
    if rules:
        raise EngineUnavailable(
            f"the server at {VARIABLE} takes rules from its own configuration only: put them there, or unset {VARIABLE}."
        )
    api = _session(url, timeout)
    _version(api)
    if static := _static(settings):
        api.at_close(_announce(static))
    return api


def _session(url: str, timeout: float) -> Api:
    bare, user, secret = _http.address(VARIABLE, url, "http://prometheus.example:9090")
    api = Api(bare, timeout=timeout)
    if user:
        api.auth = (user, secret)
    return api


def _version(api: Api) -> str:
    """What the live server says of its version; EngineUnavailable when it does not, or is none."""
    where = api.url.rstrip("/")
    try:
        answer = api.first("api/v1/status/buildinfo", variable=VARIABLE)
    except requests.RequestException as error:
        raise EngineUnavailable(
            f"nothing answers at {VARIABLE}={where} ({type(error).__name__}). "
            f"Start it, or unset {VARIABLE} to use one of this kernel's own."
        ) from error
    if answer.status_code in (401, 403):
        raise EngineUnavailable(
            f"the server at {where} does not let this user in (status {answer.status_code}): "
            f"{VARIABLE} takes http://user:password@host:port"
        )
    try:
        return str(answer.json()["data"]["version"])
    except (ValueError, KeyError, TypeError):
        raise EngineUnavailable(
            f"what answers at {VARIABLE}={where} is no Prometheus (status {answer.status_code})"
        ) from None


def _static(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The static targets of a configuration, as file-based service discovery wants them."""
    return [
        {"targets": list(group["targets"]), "labels": {"job": job["job_name"], **group.get("labels", {})}}
        for job in config.get("scrape_configs", [])
        for group in job.get("static_configs", [])
    ]


def _announce(targets: list[dict[str, Any]]) -> Callable[[], None]:
    """Tell the server of targets; returns what takes them away again."""
    place = variable(TARGETS_VARIABLE)
    if not place or not Path(place).is_dir():
        raise EngineUnavailable(
            f"the server at {VARIABLE} does not know this notebook's service. Set {TARGETS_VARIABLE} to a folder whose *.json "
            f"files it watches (file_sd_configs), or unset {VARIABLE} to use a server of this kernel's own."
        )
    return guest.targets(Path(place), targets)


# the embedded server


def _binary(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise EngineUnavailable(f"no {name} on the PATH. {GET_PROMETHEUS}")
    return found


def _write_config(folder: Path, settings: Mapping[str, Any], rules: Sequence[str | Path]) -> None:
    import yaml

    whole = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, **settings}
    if rules:
        whole["rule_files"] = [*whole.get("rule_files", []), *(str(Path(rule).resolve()) for rule in rules)]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(whole, sort_keys=False))
    web_config(folder)


def _start(binary: str, folder: Path, place: Path, port: int, certificate: tuple[Path, Path], timeout: float) -> Api:
    command = [
        binary,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.config.file={folder / 'web.yml'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={place}",
        "--storage.tsdb.retention.time=100y",  # what was backfilled may be old
        *_lock_option(binary),
    ]
    server = Server(command, log=folder / "prometheus.log", folder=folder)
    return _when_ready(server, "Prometheus", place, port, certificate, timeout)


def _when_ready(
    server: Server, name: str, place: Path, port: int, certificate: tuple[Path, Path], timeout: float
) -> Api:
    """The session with a server that has just been started, once it is ready; closing it stops the server."""
    api = Api(f"https://127.0.0.1:{port}", timeout=timeout)
    api.verify, api.cert = str(certificate[0]), (str(certificate[0]), str(certificate[1]))

    def ready() -> bool:
        try:
            return api.get("-/ready", timeout=5).ok
        except OSError:  # no answer yet; or it has failed already, and its folder is gone with the certificate
            return False

    try:
        server.wait_until(ready, name, timeout=120)
    except EngineUnavailable as error:
        raise _explained(place, server.said(), error, port) from error
    api.at_close(server.stop)
    return api


def _lock_option(binary: str) -> list[str]:
    """Debian's build leaves the lock of the data folder off unless it is asked; upstream's is on."""
    said = subprocess.run([binary, "--help"], capture_output=True, text=True, timeout=30)
    return ["--storage.tsdb.use-lockfile"] if "--storage.tsdb.use-lockfile" in said.stdout + said.stderr else []


def _check_data(place: Path) -> None:
    """EngineUnavailable for a folder that holds something else: the server would write into it."""
    if not place.is_dir():
        return
    ours = re.compile(
        r"[0-9A-HJKMNP-TV-Z]{26}(\.tmp-for-\w+)?|wal|wbl|chunks_head|chunk_snapshot\..*|queries\.active|lock"
    )
    foreign = sorted(entry.name for entry in place.iterdir() if not ours.fullmatch(entry.name))
    if foreign:
        raise EngineUnavailable(
            f"{place} holds something that is no Prometheus data ({foreign[0]}). Choose an empty folder."
        )
    for block in (entry for entry in place.iterdir() if len(entry.name) == 26):
        try:  # the server would leave a damaged block out, and go on without a word
            json.loads((block / "meta.json").read_text())
            if not (block / "index").stat().st_size:
                raise ValueError("empty index")
        except (OSError, ValueError) as error:
            raise EngineUnavailable(
                f"the block {block.name} in {place} is damaged ({type(error).__name__}). Restore a copy, or remove it."
            ) from error


def _explained(place: Path, log: str, error: CompanionError, port: int | str = "") -> CompanionError:
    """The clear error for what the server's log says, or ``error`` for what nobody foresaw."""
    reasons = [reason.replace('\\"', '"') for reason in _ERROR.findall(log)]
    reason = reasons[0] if reasons else ""
    known: dict[str, CompanionError] = {
        r"lock DB directory": EngineUnavailable(
            f"the data in {place} are in use by another Prometheus. Stop that one first: two would destroy them."
        ),
        r"opening storage failed": EngineUnavailable(
            f"Prometheus can't open the data in {place}: {reason.removeprefix('opening storage failed: ')}. "
            "They were left as they are: restore a copy, or choose an empty folder."
        ),
        r"loading groups failed|loading rule": EngineUnavailable(f"Prometheus does not take a rule file: {reason}"),
        r"[Ll]oading configuration file failed": EngineUnavailable(
            f"Alertmanager does not take this configuration: {reason}"
        ),
        r"Error loading config|error loading config": EngineUnavailable(
            f"Prometheus does not take this configuration: {_without_path(reason)}"
        ),
    }
    return _embedded.explained(log, known, error, place=place, port=port)


def _without_path(reason: str) -> str:
    return re.sub(r"^(?:couldn't load configuration \([^)]*\)|parsing YAML file \S+): ", "", reason)
