"""A model folder -> a ready model; start at `store.py` for buckets, `loader.py` for one folder."""
