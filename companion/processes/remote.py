"""Processes that run one function after another and keep what it leaves: start once, and send every experiment to them.

For engines whose start is dear, such as TensorFlow's. A function may be one that a notebook defines; it is sent by value, with the
global names it uses. Its first argument is a dictionary that stays in the process from call to call.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

from companion.errors import EngineUnavailable
from companion.interrupts import held_back
from companion.processes import worker

_numbers = itertools.count(1)


class Remote:
    """One such process; it can't outlive this one (see ``companion.processes.worker``).

    Attributes:
        process: it (``pid``, ``kill()``, ``exitcode``).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.process, self._line = worker.connected(_serve)

    def send(self, function: Callable[..., object], *arguments: object) -> int:
        """Have ``function(kept, *arguments)`` run after all that was sent before; a number to ask for the answer with."""
        import cloudpickle

        number = next(_numbers)
        with contextlib.suppress(OSError):  # it is dead: who asks for the answer is told
            self._line.send((number, cloudpickle.dumps((function, arguments))))
        return number

    def answer(self, number: int, timeout: float) -> Any:
        """What the function returned; answers to what was sent before and never asked for are dropped.

        Raises:
            EngineUnavailable: it raised, its process is dead, or nothing has come within ``timeout`` seconds.
        """
        end = time.monotonic() + timeout
        try:
            while self._line.poll(max(0.0, end - time.monotonic())):
                got, fine, value = self._line.recv()
                if got == number and not fine:
                    raise EngineUnavailable(f"{self.name}: {value}")
                if got == number:
                    return value
        except (EOFError, OSError) as error:
            self.process.join(5)
            raise EngineUnavailable(f"{self.name} is dead (exit code {self.process.exitcode})") from error
        raise EngineUnavailable(f"{self.name} has not answered after {timeout:g} s")

    def stop(self) -> None:
        """End the process, whatever it is doing, and wait until it is gone."""
        self.process.kill()
        self.process.join()
        self._line.close()


@contextlib.contextmanager
def all_or_none(*names: str) -> Iterator[list[Remote]]:
    """Start a process a name for the block that makes them ready; if it fails, or is interrupted, all of them are stopped.

    For processes that wait for each other: some of them alone would wait for ever. After a block that ends well they go on.
    """
    made: list[Remote] = []
    try:
        for name in names:
            made.append(Remote(name))
        yield made
    except BaseException:
        for one in made:
            one.stop()
        raise


def ask(
    remotes: Sequence[Remote], function: Callable[..., object], *arguments: Sequence[Any], timeout: float = 60.0
) -> list[Any]:
    """Run ``function(kept, *its own arguments)`` in every process at the same time; the answers, in order.

    Args:
        arguments: of each argument a value for each process, as for ``map``.

    Raises:
        EngineUnavailable: as ``Remote.answer``, of the first process for which it holds.
    """
    with held_back():  # either all of them have it, or none
        own = list(zip(*arguments, strict=True)) or [()] * len(remotes)
        numbers = [remote.send(function, *values) for remote, values in zip(remotes, own, strict=True)]
    return [remote.answer(number, timeout) for remote, number in zip(remotes, numbers, strict=True)]


def _serve(line: Connection) -> None:
    import pickle

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the kernel's interrupt is not for it
    _end_with_fork_server()
    kept: dict[str, Any] = {}
    while True:
        try:
            number, payload = line.recv()
        except (EOFError, OSError):
            return
        try:
            function, arguments = pickle.loads(payload)  # noqa: S301  (from this very program)
            reply = number, True, function(kept, *arguments)
        except Exception as error:
            reply = number, False, f"{type(error).__name__}: {error}"
        line.send(reply)


def _end_with_fork_server() -> None:
    """Have the system kill this process with its parent, the fork server, which ends when the kernel does. Linux only.

    ``worker`` watches from a thread, which can't run while native code waits with the interpreter's lock in its hand.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG, of linux/prctl.h
