"""Objects of a bucket: client, conditional reads and writes, streams; start at `bucket.py`."""
