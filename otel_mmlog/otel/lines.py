"""What encoding hands to the journal: one OTLP request, ready to be appended."""

from typing import Literal, NamedTuple

from otel_mmlog.core.line_check import CHECK_BYTES

Signal = Literal["metrics", "logs", "traces"]


class EncodedLine(NamedTuple):
    """One OTLP/JSON export request as one line.

    Attributes:
        signal: Which of the three request messages `data` is.
        data: The JSON object, UTF-8, ending in a newline.
        items: Data points, log records or spans in it.
        debug: Whether admission may refuse it first: a log below INFO, a point of the machine.
    """

    signal: Signal
    data: bytes
    items: int
    debug: bool = False

    @property
    def size_bytes(self) -> int:
        """What it takes in a segment, with its check."""
        return len(self.data) + CHECK_BYTES
