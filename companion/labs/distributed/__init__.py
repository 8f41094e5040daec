"""Edge computing: the far end of the line."""
