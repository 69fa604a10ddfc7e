"""Sets Spark up: the session, Java, `s3a:`, and the code for other machines."""
