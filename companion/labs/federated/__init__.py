"""Federated learning: what the unit's notebooks need beside their idea."""
