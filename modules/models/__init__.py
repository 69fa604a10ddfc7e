"""Loads model folders; start at `store.py` for buckets, `loader.py` for one folder."""
