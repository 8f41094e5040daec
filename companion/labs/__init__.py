"""What one unit of the book alone uses, a folder a unit; it can be deleted with its unit."""
