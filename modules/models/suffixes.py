"""The names of a model folder's files: which suffixes they have, and which ones are read."""

DESCRIPTION = "model.json"

# Files with these suffixes belong to a model for certain; a *.txt may belong to something else
MODEL_SUFFIXES = (".cfg", ".weights", ".onnx", ".names", ".tree")
READ_SUFFIXES = (*MODEL_SUFFIXES, ".txt")
