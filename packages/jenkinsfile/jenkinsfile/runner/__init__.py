"""Runs the stages of a declarative pipeline on this machine: real processes, real exit codes, Jenkins's order of things.

For trying a pipeline before it is pushed. What it knows: ``sh`` and the other steps in ``steps.STEPS``; environment, parameters
and their defaults; ``when``; ``timeout`` and ``retry``; stages in stages, parallel stages, ``failFast``; ``post``. What only a
controller has (agents, input, script blocks, matrices, credentials) is refused before anything runs; what would only keep
results (``junit``, ``archiveArtifacts``, ``stash``) is noted and left out.

The modules from the smallest piece to the largest: ``results``, ``scope``, ``processes`` (with ``guard``), ``values``,
``conditions``, ``steps``, ``plan``, ``job``.
"""

from jenkinsfile.runner.job import run
from jenkinsfile.runner.results import Run, StageRun

__all__ = ["Run", "StageRun", "run"]
