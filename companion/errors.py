"""The package's few exceptions. Each message names what is wrong and says what to do about it."""


class CompanionError(Exception):
    """Anything this package reports on purpose."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message alone. It says what to do, the frames would not (``%tb`` has the cause)."""
        return [f"{type(self).__name__}: {self}"]


class EngineUnavailable(CompanionError):
    """An engine can't be reached or started; the message says what to install or set."""


class DatasetError(CompanionError):
    """A data set's name, file or shape is not what it has to be; the message names it."""


class WorkspaceError(CompanionError):
    """The scratch folder can't be used: it is full, or not writable."""


class SettingError(CompanionError, ValueError):
    """A setting of a policy, a manifest or a template is not what it has to be; the message has its name or path."""
