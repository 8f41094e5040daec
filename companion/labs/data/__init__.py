"""Data management: what looks into the gaps between a cache's commands."""
