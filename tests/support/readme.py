"""The examples in README's table of variables: a test that sets a variable takes the form of its value from there."""

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from companion import checkout

_ROW = re.compile(r"^\| (?P<engine>[^|]+) \| (?P<variables>[^|]+) \| (?P<examples>[^|]+) \|$", re.MULTILINE)


def examples() -> dict[str, str]:
    """Variable and example: the variables of a row and its examples, in their order."""
    text = (checkout.folder() / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| engine | variable | example |") :].split("\n\n")[0]
    found: dict[str, str] = {}
    for row in list(_ROW.finditer(table))[1:]:
        names, values = (re.findall(r"`([^`]+)`", row[part]) for part in ("variables", "examples"))
        assert len(names) == len(values), f"{row['engine']}: {len(names)} variables, {len(values)} examples"
        found |= dict(zip(names, values, strict=True))
    return found


def form(value: str) -> tuple:
    """What two values have in common that can stand for each other, whatever their hosts, ports, passwords and folders."""
    if "://" in value:
        parts = urlsplit(value)
        credentials = parts.netloc.rpartition("@")[0]
        user, colon, password = credentials.partition(":")
        port = bool(re.search(r":[^:@]+$", parts.netloc.rpartition("@")[2]))
        depth = len([part for part in parts.path.split("/") if part])
        return parts.scheme, bool(user), bool(colon and password), port, depth if parts.netloc else "path"
    if value.startswith(("/", "$", "~", ".")):
        return ("path", PurePosixPath(value).suffix)
    if re.fullmatch(r"[\d.]+", value):
        return ("digits", value.count("."))
    return ("mail",) if "@" in value else ("word",)


def checked(name: str, value: str) -> str:
    """The value, of README's form.

    Raises:
        AssertionError: README's example for this variable has another one.
    """
    example = examples()[name]
    assert form(value) == form(example), f"README's example for {name} is {example}, the test uses {value}"
    return value
