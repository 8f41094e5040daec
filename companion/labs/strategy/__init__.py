"""Scaling strategy: what the unit's notebook needs beside its idea."""
