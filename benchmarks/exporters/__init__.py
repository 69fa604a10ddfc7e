"""Compares our detections with those of the projects that define and export a network.

    .venv-exporters/bin/python -m benchmarks.exporters IMAGE_DIR [--families yolov8n ...]

Each family is built from its project's definition with seeded random weights, because trained ones
would have to be downloaded, and exported in every form. A file here has the families of one
project; `families.py` lists them. The last layers are scaled so that a network detects some dozens
of objects in an image. Our detections are compared with those of the project's own predictor or
post-processor.

`make exporters` installs the projects into a separate environment and runs this there. It also
writes the table into docs/models.md.
"""
