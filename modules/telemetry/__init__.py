"""Logs, metrics and traces; start at `reports.py`."""
