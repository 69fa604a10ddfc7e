"""What training needs besides; the command is demo/train.py."""
