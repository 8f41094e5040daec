"""The package's few exceptions. Each message names what is wrong and says what to do about it."""


class CompanionError(Exception):
    """Anything this package reports on purpose."""


class EngineUnavailable(CompanionError):
    """An engine can't be reached or started; the message says what to install or set."""


class DatasetError(CompanionError):
    """A data set's name, file or shape is not what it has to be; the message names it."""


class WorkspaceError(CompanionError):
    """The scratch folder can't be used: it is full, or not writable."""
