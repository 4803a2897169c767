"""The sending end of the status lines: a reader that does not read holds nothing up."""

import contextlib
import os


class StatusPipe:
    """Writes lines to a non-blocking descriptor; while it is full only the latest line is kept.

    Attributes:
        wants_room: Whether something waits for the reader.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._begun = b""
        self._next = b""
        self._is_gone = False
        os.set_blocking(fd, False)

    @property
    def wants_room(self) -> bool:
        """Whether something waits for the reader."""
        return bool(self._begun or self._next)

    def put(self, line: bytes) -> None:
        """Send a line as soon as there is room, unless a later one comes first."""
        self._next = line
        self.go_on()

    def go_on(self) -> None:
        """Write what there is room for; once nobody reads, nothing is written any more."""
        if self._is_gone:
            self._begun = self._next = b""
        with contextlib.suppress(BlockingIOError):
            while self.wants_room:
                if not self._begun:
                    self._begun, self._next = self._next, b""
                self._begun = self._begun[self._write() :]

    def _write(self) -> int:
        try:
            return os.write(self._fd, self._begun)
        except BlockingIOError:
            raise
        except OSError:
            self._is_gone = True
            self._next = b""
            return len(self._begun)
