"""What jobs read and write: images, tables, files, models."""
