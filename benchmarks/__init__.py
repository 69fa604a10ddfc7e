"""Benchmarks of speed, memory and accuracy; each module's docstring has its command."""
