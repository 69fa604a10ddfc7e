"""Spark's daemon that forks Python workers, with the jobs' packages imported in advance.

Spark runs it with `python -m`. Importing takes a second and a half. Here it is done once per
machine instead of once per worker, and the workers share the memory.
"""

import cv2  # noqa: F401
import numpy  # noqa: F401
import pandas  # noqa: F401
import pyarrow  # noqa: F401
from pyspark import worker  # noqa: F401
from pyspark.daemon import manager

if __name__ == "__main__":
    manager()
