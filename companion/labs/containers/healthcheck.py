"""One HEALTHCHECK line as an engine reads it: by the engine where there is one, by the same rules where there is none.

The rules are those of Dockerfile's reference (docs.docker.com, Dockerfile reference, HEALTHCHECK, 2025); a test holds them to
a real engine.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import uuid
from typing import Any

from companion.configs import layers
from companion.errors import EngineUnavailable, SettingError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_NAMES = {"interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod"}


def read(line: str) -> dict[str, Any]:
    """``Test`` (``["CMD", ...]`` or ``["CMD-SHELL", text]``), ``Interval``, ``Timeout`` and ``StartPeriod`` in seconds, ``Retries``;
    what the line doesn't say is left out.

    Raises:
        SettingError: it is not one HEALTHCHECK that an engine accepts.
    """
    ruled = by_rules(line)
    with contextlib.suppress(EngineUnavailable):
        return by_engine(line)
    return ruled


def by_engine(line: str) -> dict[str, Any]:
    """As :func:`read`, by building an image of nothing but this line; EngineUnavailable without an engine."""
    from companion.engines import docker as docker_engine

    client = docker_engine.connect(timeout=20)
    try:
        import docker.errors

        try:
            image, _ = client.images.build(
                fileobj=io.BytesIO(f"FROM scratch\n{line}\n".encode()),
                rm=True,
                forcerm=True,
                labels={"companion.healthcheck": uuid.uuid4().hex},
            )
        except docker.errors.DockerException as error:
            raise SettingError(f"the engine refuses it: {error}") from error
        found = dict(image.attrs["Config"].get("Healthcheck") or {})
        client.images.remove(image.id)
    finally:
        client.close()
    return {name: value / 1e9 if name in _NAMES.values() else value for name, value in found.items()}


def by_rules(line: str) -> dict[str, Any]:
    """As :func:`read`, without an engine."""
    steps = layers.steps(line)
    if len(steps) != 1 or steps[0].keyword != "HEALTHCHECK":
        raise SettingError("the text is one instruction, and it is HEALTHCHECK")
    rest, found = steps[0].rest, dict[str, Any]()
    while option := re.match(r"--([\w-]+)=(\S+)\s+", rest):
        name, value = option.groups()
        if {"retries": "Retries", **_NAMES}.get(name) in found:
            raise SettingError(f"given twice: --{name}")
        if name == "retries" and value.isdecimal() and int(value) > 0:
            found["Retries"] = int(value)
        elif name in _NAMES:
            found[_NAMES[name]] = _seconds(value)
        else:
            raise SettingError(f"no option of HEALTHCHECK: --{name}={value}")
        rest = rest[option.end() :]
    word, _, command = rest.partition(" ")
    if word.upper() == "NONE" and not command and not found:
        return {"Test": ["NONE"]}
    if word.upper() != "CMD" or not command:
        raise SettingError(f"after the options comes CMD and a command, not {rest[:40]!r}")
    with contextlib.suppress(ValueError):
        listed = json.loads(command)
        if isinstance(listed, list) and all(isinstance(part, str) for part in listed):
            return {"Test": ["CMD", *listed], **found}
    return {"Test": ["CMD-SHELL", command], **found}


def _seconds(text: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise SettingError(f"no duration such as 15s or 1m30s: {text!r}")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if 0 < seconds < 1e-3:
        raise SettingError(f"shorter than a millisecond: {text!r}")
    return seconds
