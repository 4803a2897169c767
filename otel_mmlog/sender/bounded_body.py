"""An answer's body, read within bounds of size and time whatever the server does."""

import time
from typing import Any

from urllib3.exceptions import HTTPError

MAX_BODY_BYTES = 64 * 1024
_CHUNK_BYTES = 4096


def read_body(raw: Any, timeout_s: float) -> bytes:
    """Return the beginning of a body; the status line has said what matters, so that a broken body is no error.

    Args:
        raw: A `urllib3.HTTPResponse` of which nothing was read. It goes back to its pool if it was read to its
            end, else its connection is closed.
        timeout_s: When to stop, between two reads.
    """
    deadline_s = time.monotonic() + timeout_s
    pieces: list[bytes] = []
    left = MAX_BODY_BYTES
    try:
        while left > 0 and time.monotonic() < deadline_s:
            piece = raw.read1(min(left, _CHUNK_BYTES), decode_content=False)
            if not piece:
                raw.release_conn()
                return b"".join(pieces)
            pieces.append(piece)
            left -= len(piece)
    except (HTTPError, OSError):
        pass
    raw.close()
    return b"".join(pieces)
