"""nbgrader's settings: the book itself is the source of the assignments, one unit an assignment."""

from nbgrader import preprocessors

from companion.grading import ShowSolutionCells

c = get_config()  # noqa: F821  (nbgrader provides it)

c.CourseDirectory.course_id = "scalable-ai"
c.CourseDirectory.source_directory = "notebooks"
c.ExecutePreprocessor.kernel_name = "python3"
c.ExecutePreprocessor.timeout = 300

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
    ShowSolutionCells,
]

# downloaded/UNIT/archive/STUDENT__NOTEBOOK.ipynb, as `nbgrader zip_collect UNIT` takes it
c.FileNameCollectorPlugin.named_regexp = r".*?(?P<student_id>[A-Za-z0-9.-]+)__(?P<file_id>\w+)\.ipynb$"
