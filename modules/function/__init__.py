"""An event -> its answer; start at `application.py`."""
