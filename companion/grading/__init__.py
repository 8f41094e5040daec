"""What nbgrader needs of this book beyond its own settings: a round of grading that one student can't stop.

``nbgrader_config.py`` names the classes; ``companion grade UNIT`` runs the whole round (:mod:`companion.grading.round`).
nbgrader belongs to what an instructor installs (the extra ``dev``): nothing else of the book imports this package.
"""

from companion.grading.archives import SafeExtractor
from companion.grading.collect import UploadCollector
from companion.grading.execute import Execute, WriteNotes
from companion.grading.release import ShowSolutionCells
from companion.grading.submission import RestoreExercises, SubmissionExporter

__all__ = [
    "Execute",
    "RestoreExercises",
    "SafeExtractor",
    "ShowSolutionCells",
    "SubmissionExporter",
    "UploadCollector",
    "WriteNotes",
]
