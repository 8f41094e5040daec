"""The real files that a reader would deploy, read and checked."""
