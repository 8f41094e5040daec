"""Functions of a notebook, written into a module that a process can import.

A process that is not forked looks its functions up by the name of their module, and a notebook is none. Where that is the lesson
(``multiprocessing_images``), the notebook writes its module by hand.
"""

from __future__ import annotations

import importlib.util
import inspect
import keyword
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from companion.errors import SettingError

#: the files that were written here
_ours: set[str] = set()


def written(folder: Path, name: str, *functions: Callable[..., object], imports: str = "") -> ModuleType:
    """Write the functions' source to ``folder/name.py``, after the ``imports`` they need, and return that module, imported.

    The folder becomes importable here (``sys.path``); a fork server needs it in ``PYTHONPATH`` as well. A name that was written
    before, into this folder or another, is written and imported anew: a cell can be run again.

    Raises:
        SettingError: if the name can't be a module's, or is that of a module from elsewhere.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SettingError(f"A module can't be called {name!r}.")
    known = sys.modules.get(name) or importlib.util.find_spec(name)
    origin = getattr(known, "__file__", None) or getattr(known, "origin", None)
    path = folder / f"{name}.py"
    if known is not None and origin not in _ours | {str(path)}:
        raise SettingError(f"{name!r} is already a module, of {origin or 'Python itself'}: choose another name.")
    sources = [textwrap.dedent(inspect.getsource(function)) for function in functions]
    path.write_text("\n\n".join([imports, *sources]), encoding="utf-8")
    # a byte code of the same second and size would be taken for this source's
    Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
    _ours.add(str(path))
    # in front, also where it was there before: another folder may have an older one of this name
    sys.path[:] = [str(folder), *(place for place in sys.path if place != str(folder))]
    importlib.invalidate_caches()
    sys.modules.pop(name, None)
    return importlib.import_module(name)
