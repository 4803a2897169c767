"""Faults that end processes, and what starts again after them."""
