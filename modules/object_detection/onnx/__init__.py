"""Networks in ONNX: graph.py writes them, reader.py reads them, importer.py imports detectors."""
