"""What is read back of runs."""
