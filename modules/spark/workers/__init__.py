"""What runs on Spark's workers, a module a job."""
