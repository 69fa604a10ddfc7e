"""Builds the layers that Lambda mounts at /opt; start at the build.sh of a layer."""
