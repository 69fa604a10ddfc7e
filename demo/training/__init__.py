"""The training of the embedded model; the command is demo/train.py."""
