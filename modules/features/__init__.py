"""A network cut at a layer -> features of an image; start at `loader.py`."""
