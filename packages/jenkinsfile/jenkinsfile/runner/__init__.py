"""Runs the stages of a declarative pipeline on this machine: real processes, real exit codes, Jenkins's order of things.

For trying a pipeline before it is pushed. It does what Jenkins does, or refuses with a PipelineError before anything runs: the
README lists both. What is only noted, such as mail, stands in ``Run.left_out``.

The modules from the smallest piece to the largest: ``results``, ``starter`` (with ``guard``), ``scope``, ``processes``, ``patterns``, ``strings``,
``known``, ``values``, ``script``, ``conditions``, ``environment``, ``parameters``, ``reports``, ``steps``, ``post``, ``plan``, ``job``.
"""

from jenkinsfile.runner.job import run
from jenkinsfile.runner.results import Run, StageRun

__all__ = ["Run", "StageRun", "run"]
