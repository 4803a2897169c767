"""Turns what other loggers left on disk into files of this package: JSON lines and a journal."""
