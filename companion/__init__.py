"""The small library behind the notebooks: where they run, what they run on, how well it went.

Importing it costs next to nothing: an engine's package is imported only by the module that connects to it.
"""

from companion.errors import (
    CompanionError,
    DatasetError,
    EngineUnavailable,
    MetricError,
    SettingError,
    WorkspaceError,
)
from companion.quiet import cpu_only, quiet
from companion.workspace import workspace

__version__ = "0.1.0"
__all__ = [
    "CompanionError",
    "DatasetError",
    "EngineUnavailable",
    "MetricError",
    "SettingError",
    "WorkspaceError",
    "cpu_only",
    "quiet",
    "workspace",
]
