"""Attempts to get in, to read along and to write where one must not."""
