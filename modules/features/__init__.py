"""Computes features of images with a network cut at a layer; start at `loader.py`."""
