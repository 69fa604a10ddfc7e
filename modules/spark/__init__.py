"""The Spark jobs: whole buckets at once; a module a job, `detect` to begin with.

A job is `python -m modules batch JOB`, and a main of its own for `spark-submit` (launch.py). Those
over images go round by round (rounds.py) over what images.py lists; `reduce` is the PCA of pca/.
Only what runs on a worker touches pixels, and it is the same core that the function runs.
"""
