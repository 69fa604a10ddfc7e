"""What the function carries past one machine: a simulation, as nothing here is measured on AWS.

Images are uploaded; S3 notifies Lambda; events wait in Lambda's asynchronous queue for one of so
many execution environments; each image asks S3 for a HEAD, a GET and two PUTs. `simulation.py`
plays that; `load.py` asks it what docs/scaling.md wants to know.
"""
