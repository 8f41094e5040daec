"""What nbgrader needs of this book beyond its own settings."""

from nbgrader.preprocessors import NbGraderPreprocessor


class ShowSolutionCells(NbGraderPreprocessor):
    """Unfolds the cells that a student fills in: in the source they hold the solution and are shown collapsed."""

    def preprocess_cell(self, cell, resources, index):
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.metadata.get("jupyter", {}).pop("source_hidden", None)
        return cell, resources
