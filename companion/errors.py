"""The package's few exceptions. Each message names what is wrong and says what to do about it.

One rule says which: a wrong argument is a ``SettingError``, bad data are a ``DatasetError``, an engine that is missing or fails
is an ``EngineUnavailable``.

- ``CompanionError``: anything that this package reports on purpose
    - ``SettingError`` (a ``ValueError``): an argument, or a setting of a policy, a manifest or a template
    - ``DatasetError``: data, in a file or in memory
    - ``MetricError``: an autoscaler's metric can't be had
    - ``EngineUnavailable``: an engine can't be reached or started
    - ``WorkspaceError``: the scratch folder can't be used
"""

#: what there is to say on a system without the calls that the engines' servers are started and ended with
ON_WINDOWS = "Windows: use WSL2 (wsl --install), and work in there. The engines need Linux or macOS."


class CompanionError(Exception):
    """Anything this package reports on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message alone. It says what to do, the frames would not (``%tb`` has the cause)."""
        return [f"{type(self).__name__}: {self}"]


class SettingError(CompanionError, ValueError):
    """An argument, or a setting of a policy, a manifest or a template, is not what it has to be; the message has its name."""


class DatasetError(CompanionError):
    """Data are not what they have to be, in a file or in memory; the message names them."""


class MetricError(CompanionError):
    """A metric can't be had, or no replica count follows from it; the message is the autoscaler's own."""


class EngineUnavailable(CompanionError):
    """An engine can't be reached or started; the message says what to install or set."""


class WorkspaceError(CompanionError):
    """The scratch folder can't be used: it is full, or not writable."""
