"""Reads and writes on behalf of jobs: images, tables, single files, model folders."""
