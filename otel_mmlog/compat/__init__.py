"""Faces of other loggers, so that a script moves over by changing an import."""
