"""What measures speed, memory and accuracy, and how."""
