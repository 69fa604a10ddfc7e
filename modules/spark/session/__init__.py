"""The Spark session, and the Java and the S3 client that it needs."""
