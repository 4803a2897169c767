"""What runs have left on disk, read back: which there are, their lines, and their scalars."""
