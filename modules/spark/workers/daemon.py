"""Spark's daemon that forks Python workers, with what jobs need imported before: `python -m` this.

So the imports, which take a worker a second and a half, are paid and kept in memory once a machine.
"""

import cv2  # noqa: F401
import numpy  # noqa: F401
import pandas  # noqa: F401
import pyarrow  # noqa: F401
from pyspark import worker  # noqa: F401
from pyspark.daemon import manager

if __name__ == "__main__":
    manager()
