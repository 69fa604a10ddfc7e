"""Code that runs on Spark's workers, one module per job; `rows.py` is shared by all of them."""
