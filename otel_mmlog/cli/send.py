"""``otel-mmlog send``: delivers journals to a collector, in the foreground."""

from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from otel_mmlog.cli.journals import find_journals
from otel_mmlog.cli.quarantined import retry_quarantined, show_quarantined
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.sender.drain import Summary, drain
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.endpoints import Endpoint, describe
from otel_mmlog.sender.reader import JournalReader
from otel_mmlog.sender.status import SenderStatus
from otel_mmlog.sender.transport import make_transports
from otel_mmlog.sender.types import SIGNALS, Signal, Transport
from otel_mmlog.settings import read_settings

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@click.command()
@click.argument(
    "folders",
    metavar="DIR...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option("--endpoint", metavar="URL", help=f"Where to send; without it, {_ENDPOINT} and its kin say so.")
@click.option(
    "--protocol",
    type=click.Choice(["http/json", "http/protobuf", "grpc"]),
    help="How; without it OTEL_EXPORTER_OTLP_PROTOCOL, else grpc on port 4317 and http/json elsewhere.",
)
@click.option("--follow", is_flag=True, help="Go on with what is still being written, until Ctrl-C.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and where, and send nothing.")
@click.option("--quarantined", is_flag=True, help="Show what was set aside, and try it once more.")
@click.option(
    "--patience",
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up after so long without success.",
)
def send(
    folders: tuple[Path, ...],
    endpoint: str | None,
    protocol: str | None,
    *,
    follow: bool,
    dry_run: bool,
    quarantined: bool,
    patience: float,
) -> None:
    """Send the journals in DIR... to an OpenTelemetry collector.

    DIR is a run's work_dir (or any folder above or in its otlp/). What the collector acknowledged is removed from the
    journal. The exit code is 0 only if nothing is left.

    \b
    Examples:
      otel-mmlog send work_dirs/digits --endpoint http://localhost:4318
      otel-mmlog send work_dirs/* --endpoint https://otlp.example.com --follow
      OTEL_EXPORTER_OTLP_HEADERS='Authorization=Basic%20...' otel-mmlog send work_dirs/digits
      otel-mmlog send work_dirs/digits --quarantined
    """
    console = Console(stderr=True)
    journals = find_journals(folders)
    endpoints = _endpoints(endpoint, protocol)
    for signal, each in endpoints.items():
        console.print(f"{signal:8} -> {describe(each)}", highlight=False, soft_wrap=True)
    if quarantined:
        show_quarantined(journals, console)
    if dry_run:
        _show_backlog(journals, console)
        return
    transports = make_transports(endpoints)
    try:
        if quarantined:
            left = retry_quarantined(journals, transports, console)
        else:
            left = _send(journals, transports, console, follow=follow, patience_s=patience)
    finally:
        for transport in transports.values():
            transport.close()
    raise SystemExit(1 if left else 0)


def _endpoints(endpoint: str | None, protocol: str | None) -> Mapping[Signal, Endpoint]:
    environ = dict(read_settings().environ)
    if endpoint is not None:
        for name in [
            name for name in environ if name.startswith("OTEL_EXPORTER_OTLP") and name.endswith("ENDPOINT")
        ]:
            del environ[name]
        environ[_ENDPOINT] = endpoint
    if protocol is not None:
        environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = protocol
    try:
        endpoints = read_endpoints(environ)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    if not endpoints:
        raise click.UsageError(f"there is no endpoint: give --endpoint URL, or set {_ENDPOINT}")
    return endpoints


def _show_backlog(journals: list[Path], console: Console) -> None:
    table = Table(
        "journal", *SIGNALS, "files", title="Would be sent (bytes, other signals in the same files included)"
    )
    for folder in journals:
        reader = JournalReader(folder)
        try:
            backlog = reader.backlog()
        finally:
            reader.close()
        sizes = [f"{backlog.bytes.get(signal, 0):,}" for signal in SIGNALS]
        table.add_row(str(folder), *sizes, str(backlog.segments))
    console.print(table)


def _send(
    journals: list[Path],
    transports: Mapping[Signal, Transport],
    console: Console,
    *,
    follow: bool,
    patience_s: float,
) -> bool:
    """Send with a progress bar and say what came of it; returns whether anything is left."""
    last = SenderStatus()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("sending", total=None)

        def show(status: SenderStatus) -> None:
            nonlocal last
            last = status
            total = max(status.backlog_bytes, progress.tasks[0].total or 0)
            progress.update(bar, total=total, completed=total - status.backlog_bytes)

        try:
            summary = drain(
                journals, transports, show, follow=follow, patience_s=patience_s, tell=progress.console.print
            )
        except KeyboardInterrupt:
            progress.stop()
            console.print("Stopped. What was acknowledged is not sent again.")
            return last.backlog_bytes > 0
    _show_summary(summary, transports, console)
    return not summary.status.finished or bool(summary.busy)


def _show_summary(summary: Summary, transports: Mapping[Signal, Transport], console: Console) -> None:
    status = summary.status
    table = Table("signal", "sent", "rejected", "quarantined", "left (bytes)")
    for signal in transports:
        counts = [
            status.delivered.get(signal, 0),
            status.rejected.get(signal, 0),
            status.quarantined.get(signal, 0),
        ]
        left = 0 if status.finished else summary.left_bytes.get(signal, 0)
        table.add_row(signal, *(f"{count:,}" for count in counts), f"{left:,}")
    console.print(table)
    for signal, trouble in status.troubles.items():
        console.print(
            f"{signal}: {trouble.kind}: {trouble.detail}", markup=False, highlight=False, soft_wrap=True
        )
    if summary.skipped_lines:
        console.print(f"{summary.skipped_lines} torn or corrupt lines were skipped")
    for folder in summary.busy:
        console.print(f"{folder} is held by another sender: that one sends it", markup=False, highlight=False)
