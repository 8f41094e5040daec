"""Settings come from the environment, are checked once, and a wrong one stops the start with its own name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

LEAST_TOKEN = 16


class SettingsError(RuntimeError):
    """A variable is missing or not what it has to be; the message has its name, never its value."""


class Environment:
    """Reads variables with a check each.

    Args:
        variables: this process' own by default.
    """

    def __init__(self, variables: Mapping[str, str] | None = None):
        self._variables = os.environ if variables is None else variables

    def text(self, name: str, default: str = "") -> str:
        """A variable that has to be there, unless there is a default."""
        if not (value := self._variables.get(name) or default):
            raise SettingsError(f"{name} is not set")
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number within limits."""
        try:
            value = float(self._variables.get(name, default))
        except ValueError as error:
            raise SettingsError(f"{name} must be a number") from error
        if not low <= value <= high:
            raise SettingsError(f"{name} must be from {low:g} to {high:g}")
        return value

    def token(self, name: str = "RECOMMENDER_TOKEN") -> str:
        """What the services show each other."""
        value = self.text(name)
        if len(value) < LEAST_TOKEN or not value.isascii() or not value.isprintable() or " " in value:
            raise SettingsError(f"{name} must have at least {LEAST_TOKEN} printable ASCII characters without spaces")
        return value

    def address(self, name: str, *schemes: str) -> str:
        """An address with one of the schemes."""
        value = self.text(name)
        try:
            parts = urlsplit(value)
            usable = parts.scheme in schemes and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:  # it may hold a password, so it is not repeated
            raise SettingsError(f"{name} must be an address that begins with {' or '.join(f'{s}://' for s in schemes)}")
        return value
