"""Whether a stream gets colours, and which."""

from typing import IO

from otel_mmlog.settings import environment


def is_colored(stream: IO[str]) -> bool:
    """Whether it is a terminal that nobody forbids colours; ``FORCE_COLOR`` asks for them elsewhere too."""
    environ = environment()
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return bool(environ.get("FORCE_COLOR")) or stream.isatty()
