"""An interrupt in the middle of a library's first import leaves the library whole."""

import signal
import subprocess
import sys
import threading

import pytest

from companion.interrupts import held_back

#: a kernel whose reader presses Stop at the end of a module in the middle of matplotlib's import, and runs the cell again
STOPPED = """
import importlib.abc, importlib.util, signal, sys

class Stop(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "matplotlib.collections":
            sys.meta_path.remove(self)
            spec = importlib.util.find_spec(name)
            whole = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (whole(module), signal.raise_signal(signal.SIGINT))
            return spec

sys.meta_path.insert(0, Stop())
def cell():
    {cell}
try:
    cell()
except KeyboardInterrupt:
    print("stopped")
cell()
print("drawn")
"""
PLAIN = "import matplotlib.pyplot as plt; plt.figure()"


def test_a_figure_that_is_stopped_at_its_first_import_is_drawn_the_second_time():
    assert said("from companion import draw; draw.figure()") == ["stopped", "drawn"]


def test_without_holding_back_the_library_stays_broken():
    """What the test above would see: half of matplotlib."""
    assert said(PLAIN) == ["stopped"]


def said(cell: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", STOPPED.format(cell=cell)], capture_output=True, text=True)
    return done.stdout.split()


def test_what_was_held_back_comes_at_the_end():
    steps = []

    def block():
        with held_back():
            signal.raise_signal(signal.SIGINT)
            steps.append("whole")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert steps == ["whole"]
    with pytest.raises(KeyboardInterrupt):  # and no other one is
        signal.raise_signal(signal.SIGINT)


def test_an_error_passes_and_the_handler_is_as_before():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), held_back():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_it_does_nothing():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with held_back():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
