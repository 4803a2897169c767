"""An answer's body, read within bounds of size and time whatever the server does."""

import time
from collections.abc import Callable

MAX_BODY_BYTES = 64 * 1024
_CHUNK_BYTES = 4096


def read_body(read: Callable[[int], bytes], timeout_s: float, broken: type[Exception]) -> tuple[bytes, bool]:
    """Return the beginning of a body, and whether that is all of it.

    The status line has said what matters, so that a broken body is no error.

    Args:
        read: Reads up to a number of bytes, once; none at the end.
        timeout_s: When to stop, between two reads.
        broken: What it raises for a body that is no HTTP, besides OSError.
    """
    deadline_s = time.monotonic() + timeout_s
    pieces: list[bytes] = []
    left = MAX_BODY_BYTES
    try:
        while left > 0 and time.monotonic() < deadline_s:
            piece = read(min(left, _CHUNK_BYTES))
            if not piece:
                return b"".join(pieces), True
            pieces.append(piece)
            left -= len(piece)
    except (broken, OSError):
        pass
    return b"".join(pieces), False
