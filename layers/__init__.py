"""What is built for Lambda's /opt; start at the build.sh of a layer."""
