"""What the case studies of parallel processing need beside their idea: solvers, scores and plots."""
