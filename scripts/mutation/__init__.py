"""Mutants of the exercises' reference solutions: what a test cell does not notice, it does not test.

``operators`` say how a piece of code can be changed, ``mutants`` changes a solution in one place at a time, ``exercises`` reads
the cells of a notebook, ``grading`` has each mutant graded in a process of its own (``worker``), ``report`` says what survived.
"""
