"""The package's errors.

::

    JenkinsfileError            anything this package reports on purpose
    ├── GroovySyntaxError       the source is not Groovy; has a line and a column
    └── PipelineError           the pipeline can't be used as it is; says where and why
"""

from __future__ import annotations


class JenkinsfileError(Exception):
    """Anything this package reports on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message alone. It says what to do, the frames would not."""
        return [f"{type(self).__name__}: {self}"]


class GroovySyntaxError(JenkinsfileError):
    """The source is not Groovy; ``line`` and ``column`` (from 1) say where."""

    def __init__(self, message: str, line: int, column: int):
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


class PipelineError(JenkinsfileError):
    """The pipeline can't be used as it is; the message says where and why."""
