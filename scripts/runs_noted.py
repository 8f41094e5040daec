"""What the tests have noted of the notebooks that they ran, and of which state of the book."""

import hashlib
from pathlib import Path

from companion import checkout
from companion.workspace import root


def place() -> Path:
    """The file that takes it: JSON, by the notebook's name ``{"of", "seconds", "peak_mib", "recorded"}``."""
    return root() / "runs.json"


def fingerprint(path: Path) -> str:
    """Of a notebook and of the library below it: figures of an older one are no longer this one's."""
    digest = hashlib.sha256(path.read_bytes())
    for source in sorted(checkout.folder("companion").rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
