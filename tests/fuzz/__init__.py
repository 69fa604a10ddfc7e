"""Inputs damaged at random, by the thousand, in processes that may die; `make fuzz` runs them all.

`targets.py` says what is fed, `mutation.py` how it is damaged, `worker.py` feeds it in a process of
its own, `runner.py` watches that process and keeps what it found.
"""
