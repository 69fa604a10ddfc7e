"""Networks in ONNX: written by graph.py, read by reader.py, imported by importer.py."""
