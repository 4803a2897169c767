"""``otel-mmlog export``: journals as a file for another program."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.progress import Progress, TaskProgressColumn

from otel_mmlog.cli.journals import find_journals
from otel_mmlog.cli.openmetrics.lines import MetricLines, segment_bytes
from otel_mmlog.cli.openmetrics.samples import Samples
from otel_mmlog.cli.openmetrics.spool import SampleSpool
from otel_mmlog.cli.openmetrics.text import text_parts
from otel_mmlog.cli.progress import progress_bar
from otel_mmlog.cli.sending import say, say_left_out
from otel_mmlog.core.shown import counted

_NOTHING = "there are no metrics in these journals: what a collector acknowledged is not there any more"


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--openmetrics", is_flag=True, help="The format: OpenMetrics text, as promtool takes it.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A new file; without it the text goes to standard output.",
)
def export(folders: tuple[Path, ...], output: Path | None, *, openmetrics: bool) -> None:
    """Write the metrics in the journals in DIR... to a file.

    For runs that Prometheus no longer takes by OTLP, since they are too old. DIR is a run's work_dir, or any folder
    above or in its otlp/. What is still in the journals is written, delivered or not, and stays there; names and
    labels are those that Prometheus gives to the same points by OTLP with this project's prometheus.yaml.

    \b
    Examples:
      otel-mmlog export --openmetrics work_dirs/digits -o digits.om
      promtool tsdb create-blocks-from openmetrics digits.om PROMETHEUS_DATA_DIR

    Prometheus finds the new blocks by itself within some minutes. It deletes what is older than
    --storage.tsdb.retention.time (15 days by default): raise that first.
    """
    if not openmetrics:
        raise click.UsageError("name the format: --openmetrics is the one there is")
    console = Console(stderr=True)
    try:
        journals = find_journals(folders, lambda folder: say_left_out(console, [folder]))
        with _new_file(output) as file:
            _write(journals, file, console, None if output is None else output.absolute().parent)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(
            f"{where}{error.strerror or error}. The journals are as they were."
        ) from None


def _write(journals: list[Path], file: IO[str], console: Console, folder: Path | None) -> None:
    """Read, sort and write; says what came of it."""
    samples = Samples()
    written = 0
    with (
        contextlib.closing(SampleSpool(folder)) as spool,
        progress_bar(console, TaskProgressColumn()) as progress,
    ):
        lines = MetricLines(journals, _bar(progress, "reading", segment_bytes(journals)))
        skipped = _collect(lines, samples, spool)
        if not spool.size:
            raise click.ClickException(_NOTHING)
        advance = _bar(progress, "writing", spool.size)
        for text, count in text_parts(samples.series, spool):
            file.write(text)
            written += count
            advance(count)
    say(console, f"{written:,} samples of {len(samples.series):,} series.")
    for what in _remarks(spool.size - written, skipped + lines.skipped, samples):
        say(console, what)


def _collect(lines: Iterable[object], samples: Samples, spool: SampleSpool) -> int:
    """Take in all lines; returns how many of them are no requests of metrics."""
    skipped = 0
    for request in lines:
        try:
            for sample in samples.of(request):
                spool.add(*sample)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            skipped += 1
    return skipped


def _remarks(doubles: int, skipped: int, samples: Samples) -> Iterator[str]:
    if doubles:
        yield f"{doubles:,} samples were there before, at the same millisecond."
    if skipped:
        yield f"{counted(skipped, 'torn or corrupt line')} skipped."
    if samples.left_out:
        kinds = ", ".join(f"{count:,} of kind {kind}" for kind, count in sorted(samples.left_out.items()))
        yield f"Points that Prometheus does not take, or text cannot hold, were left out: {kinds}."


def _bar(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    task = progress.add_task(what, total=total)
    return lambda step: progress.advance(task, step)


@contextlib.contextmanager
def _new_file(path: Path | None) -> Iterator[IO[str]]:
    """A file that is there only when all of it is; standard output for None.

    Raises:
        click.UsageError: There is such a file.
        OSError: It cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    if path.exists():
        raise click.UsageError(f"{path} exists: give the name of a new file, or remove it")
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        with part.open("x", encoding="utf-8") as file:
            yield file
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
