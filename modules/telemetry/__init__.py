"""Logs, metrics and traces. Start at `reports.py`; `logs.py` has the logger that all rooms use."""
