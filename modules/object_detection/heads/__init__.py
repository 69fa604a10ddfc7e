"""Raw outputs -> candidate boxes; `registry.py` lists the heads."""
