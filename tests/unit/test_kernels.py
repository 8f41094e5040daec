"""A kernel's reply of which the client was never told, and a kernel's end, with the heartbeat that would not end with it."""

import asyncio
from pathlib import Path
from queue import Empty

import nbformat
import pytest
from harness.kernels import Kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from processes import GRACE_SECONDS, assert_gone, assert_no_new_shared_memory, new_mark, shared_memory

from companion.processes.kernels import Channel, Manager


class Untold:
    """A socket that says on its n-th question only that a message is there."""

    def __init__(self, told: int):
        self.told, self.asked = told, []

    async def poll(self, milliseconds: int) -> bool:
        self.asked.append(milliseconds)
        return len(self.asked) >= self.told


@pytest.fixture
def channel(monkeypatch):
    """A channel over a socket that says on its n-th question only that there is a message."""

    async def received(self) -> dict:
        return {"content": "here"}

    monkeypatch.setattr(Channel, "_recv", received)

    def made(told: int) -> Channel:
        channel = Channel.__new__(Channel)
        channel.socket = Untold(told)
        return channel

    return made


@pytest.mark.parametrize("timeout", [None, 300])
def test_it_looks_again_and_never_waits_for_the_whole_time_at_once(channel, timeout):
    looks = channel(told=4)
    assert asyncio.run(looks.get_msg(timeout=timeout)) == {"content": "here"}
    assert looks.socket.asked == [1000] * 4


def test_it_gives_up_when_time_is_up(channel):
    looks = channel(told=10**9)
    for timeout in (0, -1, 0.01):
        with pytest.raises(Empty):
            asyncio.run(looks.get_msg(timeout=timeout))


def client_of(folder: Path, *cells: str, **about) -> NotebookClient:
    """What runs a notebook of these cells in a folder."""
    return NotebookClient(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]),
        kernel_name="python3",
        kernel_manager_class=Manager,
        resources={"metadata": {"path": str(folder)}},
        **about,
    )


def test_nbclient_waits_by_it(tmp_path):
    client = client_of(
        tmp_path,
        "import ipywidgets\nout = ipywidgets.Output()",
        "with out:\n    print(1)\n    out.clear_output()",
        on_notebook_start=lambda notebook: seen.append(type(client.kc.shell_channel)),
    )
    seen = []
    client.execute()
    assert seen == [Channel]


def test_no_heartbeat_is_started_and_a_kernel_that_dies_is_missed_all_the_same(tmp_path):
    client = client_of(
        tmp_path,
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        on_notebook_start=lambda notebook: seen.append(client.kc.hb_channel.is_alive()),
    )
    seen = []
    with pytest.raises(DeadKernelError):
        client.execute()
    assert seen == [False]


def test_the_harness_stops_the_heartbeat_while_there_is_a_kernel(tmp_path, monkeypatch):
    kernel = Kernel(tmp_path, {})
    kernel.client.hb_channel.start()
    seen, execute = [kernel.client.hb_channel.is_alive()], kernel.client.execute

    def last_wish(*arguments, **options):
        seen.append(kernel.client.hb_channel.is_alive())
        return execute(*arguments, **options)

    monkeypatch.setattr(kernel.client, "execute", last_wish)
    kernel.end()
    assert seen == [True, False] and not kernel.manager.is_alive()


@pytest.fixture
def mark(monkeypatch) -> dict[str, str]:
    """A mark that the kernels of this test carry, and what they start."""
    mark = new_mark()
    for name, value in mark.items():
        monkeypatch.setenv(name, value)
    return mark


POOL = """
import atexit, multiprocessing, pathlib
exit = quit = None
queue = multiprocessing.get_context("spawn").Queue()
atexit.register(pathlib.Path("ended").touch)
"""
DEAF = """
import signal, threading
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
threading.Event().wait()
"""


def test_it_ends_as_by_exit_and_its_resource_tracker_after_it(tmp_path, monkeypatch, mark):
    monkeypatch.setattr(Manager.exit_wait_time, "default_value", GRACE_SECONDS)
    before = shared_memory()
    client_of(tmp_path, POOL).execute()
    assert (tmp_path / "ended").exists(), "it was killed"
    assert_gone(mark)
    assert_no_new_shared_memory(before)


def test_one_that_does_not_end_is_ended(tmp_path, monkeypatch, mark):
    """Its last cell waits on for what nobody brings, and is deaf to an interrupt and to SIGTERM."""
    monkeypatch.setattr(Manager.exit_wait_time, "default_value", 0.5)
    with pytest.raises(CellTimeoutError):
        client_of(tmp_path, DEAF, timeout=2).execute()
    assert_gone(mark)
