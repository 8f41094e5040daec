"""The process in which a notebook's exercises are graded: its set-up cells run once, each answer in a namespace on top of them.

usage: python grading_process.py NAME REQUESTS REPLIES      both are file descriptors; one JSON document a line

A request is ``{"cells": [source, ...], "go_on": whether the cells after a failed one run too}``; the first one is the set-up. The
reply is ``{"errors": [null or {"kinds", "text", "trace"}, one a cell], "leaked": [names of shared memory]}``.
"""

import contextlib
import ctypes
import gc
import json
import os
import signal
import sys
import traceback
import types
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

_made: set[str] = set()


def note_shared_memory() -> None:
    """Remember the names of what is made from now on, also in processes that are forked from this one."""
    register = resource_tracker.register

    def noted(name: str, kind: str) -> None:
        if kind == "shared_memory":
            _made.add(name.lstrip("/"))
        register(name, kind)

    resource_tracker.register = noted


def leaked() -> list[str]:
    """What the cells have made and not unlinked is named, and goes: tests beside this one look for what is left behind."""
    names = sorted(name for name in _made if (Path("/dev/shm") / name).exists())
    for name in names:
        block = SharedMemory(name)
        block.close()
        block.unlink()
    _made.clear()
    return names


def run(source: str, module: types.ModuleType) -> dict | None:
    """What a cell raises, whatever it is; None when it ends well."""
    try:
        exec(source, vars(module))  # noqa: S102  (the project's own cells)
    except BaseException as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        trace = "".join(traceback.format_exception(error)[-8:])
        return {"kinds": kinds, "text": str(error), "trace": trace}
    return None


def run_all(sources: list[str], module: types.ModuleType, go_on: bool) -> list[dict | None]:
    """One entry a cell; the list ends at the first failure unless it is to go on."""
    errors: list[dict | None] = []
    for source in sources:
        errors.append(run(source, module))
        if errors[-1] and not go_on:
            break
    return errors


def travel_by_value(name: str) -> None:
    """A worker elsewhere gets the functions of these cells whole, as it gets those of a kernel: no other process can import them."""
    if cloudpickle := sys.modules.get("cloudpickle"):
        cloudpickle.register_pickle_by_value(sys.modules[name])


def die_with_the_parent() -> None:
    """Nobody reads what is graded when the tests are gone, however they went. Linux only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG, of linux/prctl.h


def main(name: str, incoming: int, outgoing: int) -> int:
    for descriptor in (incoming, outgoing):
        os.set_inheritable(descriptor, False)
    die_with_the_parent()
    note_shared_memory()
    gc.disable()  # what a set-up loads stays: looking through it while it grows takes a fifth of the loading
    base = types.ModuleType(name)
    sys.modules[name] = base
    module = base
    with os.fdopen(incoming) as requests, os.fdopen(outgoing, "w") as replies:
        for line in requests:
            request = json.loads(line)
            errors = run_all(request["cells"], module, request["go_on"])
            sys.stdout.flush()
            if module is base:
                travel_by_value(name)
                _made.clear()  # the set-up keeps its own until the process ends
                gc.freeze()
                gc.enable()
            print(json.dumps({"errors": errors, "leaked": leaked()}), file=replies, flush=True)
            # functions pickle by the name of the module they were defined in
            module = types.ModuleType(name)
            vars(module).update(vars(base))
            sys.modules[name] = module
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
