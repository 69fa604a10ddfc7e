"""The names of a model folder's files: which suffixes they have, and which ones are read."""

DESCRIPTION = "model.json"

# Weights of an ONNX file, as PyTorch's and Hugging Face's exporters name them; see onnx_files.py
EXTERNAL_SUFFIXES = (".onnx.data", ".onnx_data")

# Files with these suffixes belong to a model for certain; a *.txt may belong to something else
MODEL_SUFFIXES = (".cfg", ".weights", ".onnx", ".names", ".tree", *EXTERNAL_SUFFIXES)
READ_SUFFIXES = (*MODEL_SUFFIXES, ".txt", ".data")
