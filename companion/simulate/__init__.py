"""What no laptop has: control loops, traffic, and the far end of a connection."""
