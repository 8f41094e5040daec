"""nbgrader's settings: the book itself is the source of the assignments, one unit an assignment."""

from nbconvert.preprocessors import ClearMetadataPreprocessor
from nbgrader import preprocessors

from companion import grading

c = get_config()  # noqa: F821  (nbgrader provides it)

c.CourseDirectory.course_id = "scalable-ai"
c.CourseDirectory.source_directory = "notebooks"
c.ExecutePreprocessor.kernel_name = "python3"
# seconds a cell; what a whole notebook and its memory may take: companion/grading/execute.py
c.ExecutePreprocessor.timeout = 300
c.ExecutePreprocessor.iopub_timeout = 60

# a student writes where the book's reader finds a collapsed solution
# nbgrader's own list in its own order, and one more
c.GenerateAssignment.preprocessors = [
    preprocessors.IncludeHeaderFooter,
    preprocessors.InstantiateTests,
    preprocessors.LockCells,
    preprocessors.ClearSolutions,
    preprocessors.ClearOutput,
    preprocessors.CheckCellMetadata,
    preprocessors.ComputeChecksums,
    preprocessors.SaveCells,
    preprocessors.ClearHiddenTests,
    preprocessors.ClearMarkScheme,
    preprocessors.ComputeChecksums,
    preprocessors.CheckCellMetadata,
    grading.ShowSolutionCells,
]

# downloaded/UNIT/archive/STUDENT__NOTEBOOK.ipynb, or archives of them, as `nbgrader zip_collect UNIT` takes them
c.ZipCollectApp.extractor_plugin = grading.SafeExtractor
c.ZipCollectApp.collector_plugin = grading.UploadCollector

# nothing that one student hands in ends the round of the others: unreadable files, copied, moved and deleted cells, cells that
# loop or end the kernel. nbgrader's own lists; RestoreExercises is there for DeduplicateIds, Execute is nbgrader's with an end
c.Autograde.exporter_class = grading.SubmissionExporter
c.Autograde.sanitize_preprocessors = [
    preprocessors.ClearOutput,
    grading.RestoreExercises,
    preprocessors.OverwriteKernelspec,
    preprocessors.OverwriteCells,
    preprocessors.CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    grading.Execute,
    preprocessors.IgnorePattern,
    ClearMetadataPreprocessor,
    preprocessors.LimitOutput,
    preprocessors.SaveAutoGrades,
    preprocessors.AssignLatePenalties,
    preprocessors.CheckCellMetadata,
    grading.WriteNotes,
]
