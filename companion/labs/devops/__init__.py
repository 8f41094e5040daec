"""What the notebook on pipelines uses alone."""
