"""Reads journals and delivers them; runs in a process of its own."""
