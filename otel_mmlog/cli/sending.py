"""Sends with a progress bar, and says what came of it."""

import signal as signals
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import DownloadColumn

from otel_mmlog.cli.journals import count_waiting
from otel_mmlog.cli.progress import progress_bar
from otel_mmlog.cli.table import table
from otel_mmlog.core.escape import escape
from otel_mmlog.core.shown import counted
from otel_mmlog.sender.drain import drain
from otel_mmlog.sender.status import SenderStatus
from otel_mmlog.sender.types import SIGNALS, Signal, Transport
from otel_mmlog.sender_main import end_spans


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a sending.

    Attributes:
        summary: For a person, several lines.
        is_complete: Whether nothing is left: not in the journals, and nothing was set aside.
    """

    summary: str
    is_complete: bool


def send_journals(
    journals: list[Path],
    transports: Mapping[Signal, Transport],
    console: Console,
    *,
    follow: bool,
    patience_s: float,
    file_mode: int,
) -> Outcome:
    """Send until nothing is left or nothing goes on; Ctrl-C and SIGTERM end it in good order.

    Raises:
        OSError: A folder or its cursor cannot be used.
    """
    last = SenderStatus()
    skipped_lines = 0
    busy: tuple[Path, ...] = ()
    with progress_bar(console, DownloadColumn()) as progress, _sigterm_as_interrupt():
        bar = progress.add_task("sending", total=None)

        def show(status: SenderStatus) -> None:
            nonlocal last
            last = status
            total = max(status.backlog_bytes, progress.tasks[0].total or 0)
            progress.update(bar, total=total, completed=total - status.backlog_bytes)

        try:
            summary = drain(
                journals,
                transports,
                show,
                follow=follow,
                patience_s=patience_s,
                on_dead=partial(end_spans, file_mode=file_mode),
                tell=lambda text: say(progress.console, text),
                file_mode=file_mode,
            )
            last, skipped_lines, busy = summary.status, summary.skipped_lines, summary.busy
            stopped = False
        except KeyboardInterrupt:
            stopped = True
    waiting = [count_waiting(folder, SIGNALS, file_mode) for folder in journals]
    return _outcome(waiting, last, skipped_lines, busy, stopped=stopped)


def say(console: Console, text: str) -> None:
    """Print a sentence as it is, on one line."""
    console.print(escape(text), markup=False, highlight=False, soft_wrap=True)


def say_left_out(console: Console, folders: list[Path]) -> None:
    """Name each folder that is not taken."""
    for folder in folders:
        say(console, f"{folder} is left out: another user has put it there")


def _outcome(
    waiting: list[dict[Signal, int]],
    status: SenderStatus,
    skipped_lines: int,
    busy: tuple[Path, ...],
    *,
    stopped: bool,
) -> Outcome:
    left = {signal: sum(each[signal] for each in waiting) for signal in SIGNALS}
    rows = [
        (
            signal,
            status.delivered.get(signal, 0),
            status.rejected.get(signal, 0),
            status.quarantined.get(signal, 0),
            left[signal],
        )
        for signal in SIGNALS
    ]
    lines = [table(("signal", "sent", "rejected", "quarantined", "left"), *rows)]
    if stopped:
        lines.append("Stopped. What was acknowledged is not sent again.")
    reasons: dict[str, list[str]] = {}
    for signal, trouble in status.troubles.items():
        reasons.setdefault(trouble.detail, []).append(signal)
    lines += [f"{', '.join(names)}: {escape(detail)}" for detail, names in reasons.items()]
    lines += [f"{escape(str(folder))} is held by another sender: that one sends it" for folder in busy]
    if skipped_lines:
        lines.append(f"{counted(skipped_lines, 'torn or corrupt line')} skipped.")
    if any(status.quarantined.values()):
        lines.append("What the server refused was set aside: --quarantined shows and retries it.")
    if any(left.values()) and not busy:
        lines.append("What is left stays in the journals: run this again when the collector takes it.")
    return Outcome("\n".join(lines), not any(left.values()) and not any(status.quarantined.values()))


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """SIGTERM, which is how containers stop, does what Ctrl-C does."""
    before = signals.signal(signals.SIGTERM, signals.default_int_handler)
    try:
        yield
    finally:
        signals.signal(signals.SIGTERM, before)
