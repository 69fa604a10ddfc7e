"""Answers events: application, publisher (exactly one result), deadline, threads.

Start at `application.py`.
"""
