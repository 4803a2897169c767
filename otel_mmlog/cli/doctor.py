"""``otel-mmlog doctor``: whether a run would work here, and what to do if not."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from otel_mmlog.cli.checks.finding import Finding, rendered
from otel_mmlog.cli.colors import is_colored
from otel_mmlog.cli.folders import chosen_folder
from otel_mmlog.cli.progress import is_live, spinner
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.shown import counted
from otel_mmlog.settings import environment


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--timeout",
    "timeout_s",
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True, max=300),
    help="Wait so long for a server.",
)
def doctor(folder: Path | None, timeout_s: float, *, as_json: bool) -> None:
    """Check whether a run in DIR would write and send everything.

    DIR is a run's work_dir, or where one will be; without it work_dirs, or else this folder. It looks at versions,
    variables, rank, folders, disk and what waits in journals, and sends each endpoint an empty request. Nothing is
    left behind, and no secret is shown.

    The exit code is 0 if nothing has failed, else 1. What is not ok has a second line that says the fix.

    \b
    Examples:
      otel-mmlog doctor
      otel-mmlog doctor work_dirs/digits
      OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 otel-mmlog doctor
      otel-mmlog doctor --json | jq -r '.checks[] | select(.fix != "") | .fix'
    """
    work_dir = folder or chosen_folder(None)
    environ = environment()
    try:
        from otel_mmlog.cli.checks.diagnosis import diagnose  # noqa: PLC0415 - heavy, and reads variables
    except ValueError as error:
        raise click.ClickException(f"OpenTelemetry cannot start: {error}. Correct or unset it.") from None
    checks = diagnose(environ, work_dir, timeout_s)
    try:
        found = list(checks if as_json else _told(checks))
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    has_failed = any(finding.status == "FAIL" for finding in found)
    if as_json:
        document = {"ok": not has_failed, "checks": [asdict(finding) for finding in found]}
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(_summary(found))
    raise SystemExit(1 if has_failed else 0)


def _told(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Print each finding as it comes, with a sign of life on a terminal while one takes its time."""
    console = Console(stderr=True)
    while True:
        if is_live(console):
            with console.status("checking", spinner=spinner(console)):
                finding = next(findings, None)
        else:
            finding = next(findings, None)
        if finding is None:
            return
        click.echo(rendered(finding, is_terminal=sys.stdout.isatty()), color=is_colored(sys.stdout))
        yield finding


def _summary(found: list[Finding]) -> str:
    failed, warned = (sum(finding.status == status for finding in found) for status in ("FAIL", "warn"))
    if not failed and not warned:
        return f"{counted(len(found), 'check')}, all ok."
    return f"{counted(len(found), 'check')}: {failed} failed, {counted(warned, 'warning')}."
