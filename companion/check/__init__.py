"""What a notebook of the book must be, held against the stored file: ``companion check NOTEBOOK``.

Every fault comes at once, each with its cell and with the mend. A rule has a name; CONTRIBUTING.md lists them all, and
``tests/notebooks/test_notebooks.py`` breaks each once. Four rooms: what is stored (``stored``), what is asked and graded
(``exercises``), how it reads (``style``), and where it stands in the book (``place``).
"""

from companion.check.faults import RULES, Fault, Subject
from companion.check.notebook import check, faults, find, read

__all__ = ["RULES", "Fault", "Subject", "check", "faults", "find", "read"]
