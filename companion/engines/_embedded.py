"""What the embedded servers have in common: what they need of the machine, whose settings are whose, how a failure is told."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from companion.errors import CompanionError, EngineUnavailable, SettingError, WorkspaceError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def require_machine() -> None:
    """Raise EngineUnavailable at once for a machine on which no local server could ever be reached or started."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise EngineUnavailable(
            "this process' working folder has been deleted, and no program can be started in it. "
            "Change to one that exists (os.chdir), or restart the kernel."
        ) from None
    try:
        with socket.create_server(("127.0.0.1", 0)) as here:
            socket.create_connection(here.getsockname(), timeout=5).close()
    except OSError as error:
        raise EngineUnavailable(
            f"this machine has no loopback interface (127.0.0.1: {error.strerror or error}), on which the embedded engines "
            "listen. Switch it on: ip link set lo up. In a sandbox without any network, allow loopback."
        ) from error


def require_passwd_entry(engine: str, variable: str) -> None:
    """Raise EngineUnavailable for a user without a name, as in ``docker run --user 12345``: some engines ask for it."""
    import pwd

    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise EngineUnavailable(
            f"this user (id {os.geteuid()}) has no entry in /etc/passwd, and {engine} does not start without one. Run as a user "
            f"that has one, add one (echo 'reader:x:{os.geteuid()}:0::/tmp:/bin/sh' >> /etc/passwd, as root), or set {variable}."
        ) from None


def checked(
    settings: Mapping[str, object] | None, *, name: str, own: Iterable[str], prefixes: tuple[str, ...] = ()
) -> dict[str, str]:
    """The settings as texts, refused where they are ``connect()``'s own or would be read as something else.

    Args:
        settings: by their names in the engine's own configuration; the caller has brought these to one spelling.
        name: a regular expression of what a name looks like.
        own: names that ``connect()`` sets itself, or that would open the engine to others.
        prefixes: the same, for whole families.

    Raises:
        SettingError: a name is one of those, or no name; a value has more than one line.
    """
    chosen = {}
    refused = set(own)
    for key, value in (settings or {}).items():
        if not isinstance(key, str) or not re.fullmatch(name, key) or _CONTROL.search(str(value)):
            raise SettingError(f"{key!r} is no setting: one of the engine's own names, and a value of one line.")
        if key in refused or key.startswith(prefixes):
            raise SettingError(f"{key} is set by connect() itself: leave it out.")
        chosen[key] = str(value)
    return chosen


def same_spelling(settings: Mapping[str, object] | None, spell: Mapping[str, str]) -> dict[str, object]:
    """Settings with their names in small letters and ``spell`` applied, for engines to which both spellings are one.

    Raises:
        SettingError: two names that are one to the engine.
    """
    found: dict[str, object] = {}
    for key, value in (settings or {}).items():
        plain = str(key).lower()
        for other, usual in spell.items():
            plain = plain.replace(other, usual)
        if plain in found:
            raise SettingError(f"{plain} is set twice.")
        found[plain] = value
    return found


def refuse_options(options: Mapping[str, object], own: Iterable[str]) -> None:
    """Raise SettingError for options of the client that say where the embedded server is, which ``connect()`` knows."""
    for name in own:
        if name in options:
            raise SettingError(f"{name} is set by connect() itself: leave it out.")


def taken(port: int | str) -> EngineUnavailable:
    """The port is another's."""
    return EngineUnavailable(f"port {port} is taken by another program. Stop it, or leave the port out for a free one.")


def explained(
    log: str, known: Mapping[str, CompanionError], error: CompanionError, *, place: Path, port: int | str = ""
) -> CompanionError:
    """The clear error for what a server's log says, or ``error`` for what nobody foresaw.

    Args:
        known: what else this engine may say: a regular expression, and its error.
        place: the data folder.
    """
    usual: dict[str, CompanionError] = {
        # SIGBUS: a file in memory whose page the disk has no room for
        r"(?i)no space left on device|disk quota exceeded|SIGBUS": WorkspaceError(
            f"the disk of {place} is full. Free some space, or point COMPANION_WORKSPACE at a larger disk."
        ),
        r"(?i)address already in use": taken(port),
        r"(?i)too many open files": EngineUnavailable(
            "this process may have too few files open at once for this engine. Raise the limit: ulimit -n 4096."
        ),
    }
    return next((told for pattern, told in {**usual, **known}.items() if re.search(pattern, log)), error)
