"""What runs the tests: one grading process a notebook, the watched run, drills, the order, the choice, the closing report."""
