"""The measurements of `make bench`: the function relative to baselines, on this machine.

Start at `__main__.py`. The baselines: ../naive_function.py, ONNX Runtime, OpenVINO, and OpenCV
4.14 with a network that is loaded once. The networks come from SHARED_DATA. If it has only a cfg,
the weights are random, with a bias that yields no boxes; time and memory do not depend on them.
"""
