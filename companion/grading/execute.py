"""Runs a submission to its end, whatever a cell of it does: loops, memory, floods of text, a kernel that dies."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbgrader import preprocessors, utils
from traitlets import Float, Integer

from companion.grading.submission import KEY, note, notes
from companion.processes.kernels import Manager

_LIMIT_MEMORY = "import resource; resource.setrlimit(resource.RLIMIT_DATA, ({0}, {0})); del resource"


class Execute(preprocessors.Execute):
    """nbgrader's, with an end in sight.

    A cell that ends the kernel, or can't be interrupted, gets the error, and the notebook is run again without it: the student's
    other exercises keep their points. In the cells of the tests an error counts before anything that was printed, and a warning on
    standard error is no error.
    """

    memory_limit = Integer(
        4 * 2**30, help="bytes that each process of a submission may hold, where the system counts them"
    ).tag(config=True)
    notebook_timeout = Float(1800, help="seconds that a whole notebook may take; later cells are not run").tag(
        config=True
    )
    interrupt_grace = Float(10, help="seconds that an interrupted cell has to end in").tag(config=True)
    most_deaths = Integer(3, help="how often a notebook is run again without the cell that ended its kernel").tag(
        config=True
    )
    most_output = Integer(2**20, help="characters of a cell's output that are kept").tag(config=True)
    most_printed = Integer(200 * 2**20, help="characters after which a cell is interrupted").tag(config=True)

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any], km: Any = None
    ) -> tuple[NotebookNode, dict[str, Any]]:
        if nb.metadata.get(KEY, {}).get("unreadable"):
            for cell in filter(_runs, nb.cells):
                cell.outputs = [_error("nothing was handed in that could be read")]
            return nb, resources
        self.kernel_manager_class = Manager
        self._patience: int = int(self.iopub_timeout)
        self._deadline = time.monotonic() + self.notebook_timeout
        self._given_up: dict[int, str] = {}
        self._floods: set[int] = set()
        self.extra_arguments = [
            "--HistoryManager.hist_file=:memory:",
            f"--IPKernelApp.exec_lines={_LIMIT_MEMORY.format(self.memory_limit)}",
        ]
        self._numbers = {at: n for n, at in enumerate((at for at, cell in enumerate(nb.cells) if _runs(cell)), 1)}
        for _ in range(self.most_deaths + 1):
            self._last = max(self._numbers, default=0)
            try:
                super().preprocess(nb, resources, km)
                break
            except (DeadKernelError, CellTimeoutError) as error:
                self._given_up[self._running] = _reason(
                    error, self._interrupted, self._get_timeout(nb.cells[self._running])
                )
        else:
            self._rest_is_not_run(nb)
        for at, cell in enumerate(nb.cells):
            self._look_at(nb, at, cell)
        Path(resources["metadata"]["path"]).mkdir(parents=True, exist_ok=True)  # a student may have removed it
        return nb, resources

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        self._running, self._interrupted, self._printed, self.iopub_timeout = index, False, 0, self._patience
        if _runs(cell) and time.monotonic() > self._deadline:
            self._given_up.setdefault(index, "not run: the time for the whole notebook was up")
        if index in self._given_up:
            cell.outputs = [_error(self._given_up[index])]
            return cell, resources
        return super().preprocess_cell(cell, resources, index)

    def on_cell_executed(self, **about: Any) -> None:
        """nbgrader's; and a cell that asked for the kernel's end is known as the one that did."""
        super().on_cell_executed(**about)
        if any(part.get("source") == "ask_exit" for part in about["execute_reply"]["content"].get("payload", [])):
            raise DeadKernelError("quit")

    async def _async_handle_timeout(self, timeout: int, cell: NotebookNode | None = None) -> dict[str, Any] | None:
        # the next wait is for what the interrupt brings
        self._interrupted, self.iopub_timeout = True, max(1, round(self.interrupt_grace))
        return await super()._async_handle_timeout(timeout, cell)

    def output(self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Keep an output, as long as a cell's outputs are no flood."""
        size = len(str(msg["content"]))
        before, self._printed = self._printed, self._printed + size
        if before <= self.most_printed < self._printed and self.km is not None:
            self._floods.add(cell_index)
            self._stop = asyncio.ensure_future(self.km.interrupt_kernel())
        if self._printed > self.most_output and msg["msg_type"] != "error":
            return None
        return super().output(outs, msg, display_id, cell_index)

    def _rest_is_not_run(self, notebook: NotebookNode) -> None:
        for at in self._numbers:
            if at > self._running:
                self._given_up.setdefault(at, f"not run: {len(self._given_up)} cells had ended the kernel")
        for at, reason in self._given_up.items():
            notebook.cells[at].outputs = [_error(reason)]

    def _look_at(self, notebook: NotebookNode, at: int, cell: NotebookNode) -> None:
        """Note what an instructor should know about a cell, and make the outputs of a test say only whether it failed."""
        if not _runs(cell):
            return
        where = cell.metadata.get("nbgrader", {}).get("grade_id") or f"code cell {self._numbers.get(at, '?')}"
        names = {output.ename for output in cell.outputs if output.output_type == "error"}
        if at in self._given_up:
            note(notebook, f"{where} {self._given_up[at]}")
        elif "CellTimeoutError" in names:
            note(notebook, f"{where} ran longer than {self._get_timeout(cell)} s and was interrupted")
        elif at in self._floods:
            note(notebook, f"{where} was interrupted in a flood of output")
        elif "MemoryError" in names:
            note(notebook, f"{where} asked for more memory than the {self.memory_limit / 2**30:.1f} GiB of a process")
        if utils.is_grade(cell) and not utils.is_solution(cell):
            # nbgrader reads a result as points, and standard error as a failure
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.name = "stdout"
            cell.outputs = [output for output in cell.outputs if output.output_type != "execute_result"]
            cell.outputs.sort(key=lambda output: output.output_type != "error")


class WriteNotes(preprocessors.NbGraderPreprocessor):
    """Shows in the graded notebook, and so on the page of feedback, what grading found odd about it."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        if found := notes(nb):
            text = "\n".join(["**Before grading**", "", *(f"- {_plain(line)}" for line in found)])
            nb.cells.insert(0, nbformat.v4.new_markdown_cell(text))
        return nb, resources


def _plain(line: str) -> str:
    return "".join("\\" + letter if letter in "\\`*_<>[]#|$" else letter for letter in line)


def _runs(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _error(reason: str) -> NotebookNode:
    made: NotebookNode = nbformat.v4.new_output("error", ename="NotRun", evalue=reason, traceback=[f"NotRun: {reason}"])
    return made


def _reason(error: Exception, interrupted: bool, timeout: int | None) -> str:
    if isinstance(error, DeadKernelError):
        return "ended the kernel (an exit, a crash, or too much memory)"
    if interrupted:
        return f"ran longer than {timeout} s and could not be interrupted"
    return "did not come to the end of its output"
