"""The Spark jobs; `JOBS` lists them, and `launch.run_job` runs one.

A new job is one module here and one line in `JOBS`. The module defines:

* `EXAMPLE`: a command line, for `--help`. The module's docstring is the description.
* `PATHS`: the names of the arguments that are locations Spark reads or writes.
* `add_arguments(parser)`: declares the arguments.
* `run(spark, arguments, console) -> int`: does the work, and returns the exit code.

It ends with a call of `launch.main`, so that `spark-submit` can run the file.
"""

JOBS = {
    "detect": "find objects in every image",
    "featurize": "turn every image into a network's features",
    "reduce": "standardise features, and reduce them to their principal components",
    "thumbnails": "shrink every image to a few pixels",
    "run": "featurize and reduce in one go",
}
