"""The journal as an output of the pipeline: a record leaves as points and as a log record, in one write."""

from collections.abc import Callable

from otel_mmlog.core.record import LogEvent, RawSeries, Record
from otel_mmlog.otel.encode import Encoder
from otel_mmlog.otel.health import Health
from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.lines import EncodedLine


class JournalOutput:
    """Encodes events and appends them.

    Args:
        journal: Where the lines go.
        encoder: Makes the lines.
        metrics: Whether points leave.
        logs: Whether log records leave.
        on_append: Called behind each write.
    """

    name = "journal"

    def __init__(
        self,
        journal: Journal,
        encoder: Encoder,
        *,
        metrics: bool,
        logs: bool,
        on_append: Callable[[], None] = lambda: None,
    ) -> None:
        self._journal = journal
        self._encoder = encoder
        self._metrics = metrics
        self._logs = logs
        self._on_append = on_append

    def write(self, event: LogEvent) -> None:
        """Append an event, and the points of its record if it has one."""
        lines: list[EncodedLine] = []
        if event.record is not None and self._metrics:
            lines += self._encoder.metrics_lines(event.record)
        if self._logs:
            lines.append(self._encoder.log_line(event))
        if lines:
            self._journal.append(*lines)
            self._on_append()

    def write_points(self, record: Record) -> None:
        """Append the points of a record whose line the log level hides."""
        self._append_metrics(lambda: self._encoder.metrics_lines(record))

    def write_raw(self, series: list[RawSeries]) -> None:
        """Append raw values."""
        self._append_metrics(lambda: self._encoder.raw_metrics_lines(series))

    def write_health(self, health: Health, time_ns: int) -> None:
        """Append what the rank tells of its own journal and sender."""
        self._append_metrics(lambda: self._encoder.health_lines(health, time_ns))

    def end_series(self, time_ns: int) -> None:
        """Append the end of every series of records, so that servers show the run as over at once."""
        self._append_metrics(lambda: self._encoder.stale_lines(time_ns))

    def end_health(self, health: Health, time_ns: int) -> None:
        """Append the last that the rank tells of its own journal and sender, and the end of these series."""
        encoder = self._encoder
        self._append_metrics(
            lambda: encoder.health_lines(health, time_ns) + encoder.stale_health_lines(time_ns)
        )

    def close(self) -> None:
        """Nothing: the run closes the journal after everything else."""

    def _append_metrics(self, make_lines: Callable[[], list[EncodedLine]]) -> None:
        lines = make_lines() if self._metrics else []
        if lines:
            self._journal.append(*lines)
            self._on_append()
