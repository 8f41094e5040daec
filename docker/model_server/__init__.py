"""A service of the book: what it serves (``service``) and how its model is trained (``train``)."""
