"""From an image to its result (`pipeline.py`), the documents' schema, and the keys of outputs."""
