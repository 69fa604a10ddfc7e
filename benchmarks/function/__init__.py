"""What `make bench` measures: the function, in ratios to named baselines, on this machine.

Start at `__main__.py`. The baselines: ../naive_function.py, ONNX Runtime, OpenVINO, and OpenCV 4.14
with its network kept. The networks are those of SHARED_DATA; where it has a cfg alone, the weights
are random, on which neither time nor memory depends, but for a bias that leaves no boxes.
"""
