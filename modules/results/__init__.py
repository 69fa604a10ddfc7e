"""One image's way through (`pipeline.py`), its documents, and the keys of its outputs."""
