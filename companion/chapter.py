"""What the book's list (``companion.book``) says of a notebook."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chapter:
    """One notebook of the book.

    Attributes:
        unit: its folder under ``notebooks/``, which is also its nbgrader assignment.
        name: its file name without the ending.
        title: as in the contents.
        summary: one sentence on what the reader does there.
        engine_label: what does the work.
        prerequisites: notebooks worth reading first, by name.
        engines: engine modules without which it can't run (see ``companion.engines``).
    """

    unit: str
    name: str
    title: str
    summary: str
    engine_label: str
    prerequisites: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Path of the notebook below ``notebooks/``, with forward slashes."""
        return f"{self.unit}/{self.name}.ipynb"
