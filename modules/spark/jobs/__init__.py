"""The Spark jobs, a module a job; `launch.py` has what all of them share."""
