"""Spark's daemon that forks Python workers, with the jobs' packages imported in advance.

Spark runs it as `python -m` with this module's name. Importing takes a worker a second and a half;
here the machine pays for it once, in time and in memory.
"""

import cv2  # noqa: F401
import numpy  # noqa: F401
import pandas  # noqa: F401
import pyarrow  # noqa: F401
from pyspark import worker  # noqa: F401
from pyspark.daemon import manager

if __name__ == "__main__":
    manager()
