"""``otel-mmlog send``: delivers journals to a collector, in the foreground."""

import math
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console

from otel_mmlog.cli.journals import count_waiting, find_journals
from otel_mmlog.cli.quarantined import list_quarantined, retry_quarantined
from otel_mmlog.cli.sending import say, say_left_out, send_journals
from otel_mmlog.cli.table import table
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.shown import counted
from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.endpoints import Endpoint, describe
from otel_mmlog.sender.transport import make_transports
from otel_mmlog.sender.types import SIGNALS, Signal, Transport
from otel_mmlog.settings import environment, read_file_mode

_PREFIX = "OTEL_EXPORTER_OTLP_"
_NO_ENDPOINT = f"there is no endpoint: give --endpoint URL, or set {_PREFIX}ENDPOINT"


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--endpoint", metavar="URL", help=f"Where to send; without it {_PREFIX}ENDPOINT and its kin.")
@click.option(
    "--protocol",
    type=click.Choice(["http/json", "http/protobuf", "grpc"]),
    help=f"How; without it {_PREFIX}PROTOCOL, else grpc on port 4317 and http/json elsewhere.",
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

    DIR is a run's work_dir, or any folder above or in its otlp/. What the collector acknowledged is removed from the
    journals. The exit code is 0 only if nothing is left, and no folder left out since it is another user's.

    \b
    Examples:
      otel-mmlog send work_dirs/digits --endpoint http://localhost:4318
      otel-mmlog send work_dirs/* --endpoint https://otlp.example.com --follow
      otel-mmlog send work_dirs/digits --dry-run
      otel-mmlog send work_dirs/digits --quarantined
    """
    if math.isnan(patience) or patience < 0:
        raise click.UsageError(f"--patience {patience} is not a number of seconds: give 0 or more")
    if follow and quarantined:
        raise click.UsageError("--follow and --quarantined are two things: give one of them")
    console = Console(stderr=True)
    try:
        file_mode = _file_mode()
        left_out: list[Path] = []
        try:
            journals = find_journals(folders, left_out.append, file_mode)
        finally:
            say_left_out(console, left_out)
        endpoints = _endpoints(endpoint, protocol)
        for each in endpoints.values():
            say(console, f"{each.signal:7} -> {describe(each)}")
        if dry_run:
            _show(journals, endpoints, file_mode, quarantined=quarantined)
            raise SystemExit(1 if left_out else 0)
        if not endpoints:
            raise click.UsageError(_NO_ENDPOINT)
        transports = make_transports(endpoints)
        try:
            is_complete = (
                _retry(journals, transports, console, file_mode)
                if quarantined
                else _send(
                    journals, transports, console, follow=follow, patience_s=patience, file_mode=file_mode
                )
            )
        finally:
            for transport in transports.values():
                transport.close()
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(f"{where}{error.strerror or error}. Nothing is lost; try again.") from None
    raise SystemExit(0 if is_complete and not left_out else 1)


def _endpoints(endpoint: str | None, protocol: str | None) -> Mapping[Signal, Endpoint]:
    """Where each signal goes; what is given on the command line wins over every variable."""
    environ = environment()
    for suffix, value in (("ENDPOINT", endpoint), ("PROTOCOL", protocol)):
        if value is not None:
            for signal in SIGNALS:
                environ.pop(f"{_PREFIX}{signal.upper()}_{suffix}", None)
            environ[_PREFIX + suffix] = value
    try:
        return read_endpoints(environ) or {}
    except ConfigError as error:
        message = str(error).replace(f"set {_PREFIX}PROTOCOL=grpc", "give --protocol grpc")
        if endpoint is not None:
            message = message.replace(f"{_PREFIX}ENDPOINT=", "--endpoint ").replace(
                f"{_PREFIX}ENDPOINT ", "--endpoint "
            )
        raise click.UsageError(message) from None


def _file_mode() -> int:
    try:
        return read_file_mode(environment())
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def _show(
    journals: list[Path], endpoints: Mapping[Signal, Endpoint], file_mode: int, *, quarantined: bool
) -> None:
    """Print what would be sent."""
    if not endpoints:
        click.echo(f"Nothing would be sent: {_NO_ENDPOINT}", err=True)
    if quarantined:
        click.echo(list_quarantined(journals, file_mode) or "Nothing is in quarantine.")
        return
    counts = {folder: count_waiting(folder, SIGNALS, file_mode) for folder in journals}
    rows = [(each["metrics"], each["logs"], each["traces"], str(folder)) for folder, each in counts.items()]
    click.echo(table(("points", "log records", "spans", "journal"), *rows))


def _send(
    journals: list[Path],
    transports: Mapping[Signal, Transport],
    console: Console,
    *,
    follow: bool,
    patience_s: float,
    file_mode: int,
) -> bool:
    outcome = send_journals(
        journals, transports, console, follow=follow, patience_s=patience_s, file_mode=file_mode
    )
    click.echo(outcome.summary)
    return outcome.is_complete


def _retry(
    journals: list[Path], transports: Mapping[Signal, Transport], console: Console, file_mode: int
) -> bool:
    before = list_quarantined(journals, file_mode)
    if not before:
        click.echo("Nothing is in quarantine.")
        return True
    click.echo(before)
    sent, left = retry_quarantined(journals, transports, lambda text: say(console, text), file_mode)
    click.echo(f"{counted(sent, 'line')} sent, {left:,} still in quarantine.")
    return not left
