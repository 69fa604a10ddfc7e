"""Runs thousands of randomly damaged inputs; `make fuzz` runs them all, the tests run some.

`targets.py` lists what is tested, `mutation.py` damages inputs, `worker.py` runs a target in a
subprocess, which a bug may kill, and `runner.py` watches the worker and keeps what it finds.
"""
