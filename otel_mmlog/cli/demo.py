"""``otel-mmlog demo``: a training of some seconds on two ranks, and what it writes where."""

import shlex
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.live import Live

from otel_mmlog.cli.demos.ranks import Process, are_running, started
from otel_mmlog.cli.demos.view import files_text, last_texts, screen
from otel_mmlog.cli.progress import is_live
from otel_mmlog.core.escape import escape
from otel_mmlog.core.own_folders import make_folder
from otel_mmlog.settings import environment, read_file_mode

_PAUSE_S = 0.1
_ENDPOINT = "OTEL_EXPORTER_OTLP"


@click.command()
@click.option(
    "--work-dir",
    default="work_dirs/demo",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write.",
)
@click.option("--epochs", default=3, show_default=True, type=click.IntRange(1, 1000), help="A second each.")
@click.option("--lr", default=0.2, show_default=True, type=float, help="Learning rate.")
def demo(work_dir: Path, epochs: int, lr: float) -> None:
    """Train a small net on two ranks; show what is written where.

    It takes some seconds. Digits are drawn, so that nothing has to be there but NumPy; nothing is sent. A second demo
    in the same folder is another run: try another --lr, and compare.

    \b
    Examples:
      otel-mmlog demo
      otel-mmlog demo --lr 0.02 --work-dir work_dirs/demo-slow
    """
    console = Console()
    _see_that_writable(work_dir)
    environ = {name: value for name, value in environment().items() if not name.startswith(_ENDPOINT)}
    arguments = ["--epochs", str(epochs), "--lr", str(lr)]
    with tempfile.TemporaryFile() as errors, started(work_dir, arguments, environ, errors) as processes:
        if is_live(console):
            _live(console, work_dir, processes)
        else:
            _plain(processes)
        _check(processes, errors)
    if not is_live(console):
        _tell_lines(work_dir)
    click.echo(files_text(work_dir))
    click.echo(_next_commands(work_dir))


def _see_that_writable(work_dir: Path) -> None:
    try:
        make_folder(work_dir, read_file_mode(environment()))
        tempfile.TemporaryFile(dir=work_dir).close()
    except OSError as error:
        raise click.UsageError(
            f"--work-dir {work_dir} cannot be written: {error.strerror or error}. Name a folder of yours"
        ) from None


def _live(console: Console, work_dir: Path, processes: Sequence[Process]) -> None:
    with Live(screen(work_dir, console), console=console, transient=True, auto_refresh=False) as live:
        while are_running(processes):
            live.update(screen(work_dir, console), refresh=True)
            time.sleep(_PAUSE_S)


def _plain(processes: Sequence[Process]) -> None:
    while are_running(processes):
        time.sleep(_PAUSE_S)


def _check(processes: Sequence[Process], errors: IO[bytes]) -> None:
    """See that all went well.

    Raises:
        click.ClickException: A rank failed; the message holds the last line that it printed.
    """
    codes = [process.wait() for process in processes]
    if any(codes):
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said else f"exit codes {', '.join(map(str, codes))}"
        raise click.ClickException(f"the demo's training failed: {why}")


def _tell_lines(work_dir: Path) -> None:
    for rank in (0, 1):
        click.echo(f"rank {rank}")
        for line in last_texts(work_dir, rank):
            click.echo(f"  {line}")


def _next_commands(work_dir: Path) -> str:
    where = escape(shlex.quote(str(work_dir)))
    commands = (
        f"otel-mmlog show {where}",
        f"otel-mmlog tail {where} -n 40",
        f"otel-mmlog plot {where} train/loss 'val/*'",
        f"otel-mmlog send {where} --dry-run",
    )
    return "\nTry next:\n" + "\n".join(f"  {command}" for command in commands)
