"""Spark jobs over whole buckets: detections, features, principal components, thumbnails.

`python -m modules batch JOB` runs a job; so does `spark-submit modules/spark/jobs/JOB.py`. jobs/ is
what the driver does, workers/ what the workers do, io/ reads and writes tables, images and models,
session/ sets Spark up, and pca/ finds principal components. Only workers decode images, with the
same detection core as the function.
"""
