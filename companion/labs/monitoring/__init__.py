"""Monitoring: PromQL, the dashboard, a bad day."""
