"""Simulates how many images the function serves on AWS. Nothing here is measured on AWS.

Images are uploaded, S3 notifies Lambda, and events wait in Lambda's asynchronous queue for a free
execution environment. Each image makes a HEAD, a GET and two PUTs. `simulation.py` simulates this;
`load.py` runs the cases of docs/scaling.md.
"""
