"""Downloads a public original, only when a reader asks for it, and only if it is the file that was pinned."""

from __future__ import annotations

from pathlib import Path

from companion.errors import DatasetError
from companion.workspace import disk_errors, root


def fetch(url: str, known_hash: str, name: str, *, progress: bool = True) -> Path:
    """The file behind ``url`` in the downloads folder of the workspace; a second call reads it from there.

    Args:
        url: where the publisher keeps it.
        known_hash: ``algorithm:hexadecimal digest``, as pooch takes it.
        name: what it is called in the folder and in errors.
        progress: show a bar while it comes.

    Raises:
        DatasetError: it can't be reached, is cut short, or is not the pinned file; nothing of it is kept then.
    """
    import pooch
    import requests

    folder = root() / "downloads"
    hint = "Check the network, or go on with the simulated data: the notebook runs on it as it is."
    with disk_errors(folder):
        try:
            logger = pooch.get_logger()
            logger.setLevel("ERROR")  # where it goes is a path of this machine
            downloader = pooch.HTTPDownloader(progressbar=progress, timeout=30)
            return Path(pooch.retrieve(url, known_hash, fname=name, path=folder, downloader=downloader))
        except requests.RequestException as error:
            raise DatasetError(f"{name} can't be fetched from {url}: {type(error).__name__}. {hint}") from error
        except ValueError as error:  # pooch deletes what does not match
            raise DatasetError(f"{name} from {url} is not the pinned file (its checksum differs). {hint}") from error
