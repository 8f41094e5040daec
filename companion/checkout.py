"""Where the checkout of the book lies. The package is installed from it (``make``), so that it finds its notebooks and files."""

from __future__ import annotations

from pathlib import Path

from companion.errors import SettingError

_HERE = Path(__file__).resolve().parents[1]


def root() -> Path | None:
    """The checkout's folder; None where the package is installed without one."""
    return _HERE if (_HERE / "pyproject.toml").is_file() and (_HERE / "notebooks").is_dir() else None


def folder(name: str = ".") -> Path:
    """A folder of the checkout, such as ``k8s``; its root without a name.

    Raises:
        SettingError: there is no checkout, or no such folder in it.
    """
    here = root()
    found = here / name if here else None
    if found is None or not found.is_dir():
        raise SettingError(
            f"the folder {name}/ is not here: it is part of the book's checkout, install from there (make)"
        )
    return found


def shown(path: str | Path) -> str:
    """A path as it is written below the checkout, its last part elsewhere: messages name no machine's folders."""
    path = Path(path).resolve()
    return path.relative_to(_HERE).as_posix() if path.is_relative_to(_HERE) else path.name
