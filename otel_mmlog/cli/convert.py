"""``otel-mmlog convert``: runs of other loggers as files of this package."""

import importlib.util
import time
from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape as rich_escape
from rich.progress import DownloadColumn

from otel_mmlog.cli.progress import progress_bar
from otel_mmlog.cli.sending import say
from otel_mmlog.cli.table import table
from otel_mmlog.converting.foreign import Foreign, Reading
from otel_mmlog.converting.marker import OccupiedError, check_free, mark, remove_converted
from otel_mmlog.converting.mmengine import find_mmengine
from otel_mmlog.converting.tensorboard import find_tensorboard_runs, is_event_file
from otel_mmlog.converting.writing import Target, Written, file_names, write_run
from otel_mmlog.core.escape import escape
from otel_mmlog.settings import environment, read_file_mode


@click.command()
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "work_dir",
    metavar="WORK_DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to; several runs go into folders of their own below it.",
)
@click.option("--force", is_flag=True, help="Replace what an earlier conversion wrote there.")
def convert(sources: tuple[Path, ...], work_dir: Path, *, force: bool) -> None:
    """Convert runs of TensorBoard and MMEngine to look at and send.

    SOURCE is a folder with event files of TensorBoard, or with work_dirs of MMEngine, or one of their files: an
    event file, a .log, a scalars.json. Each run becomes JSON lines and a journal, with its own times; converted
    again it has the same run id. Event files need the extra `convert` (pip install 'otel-mmlog[convert]').

    The loop is taken from names: train/loss, Loss/train, val_loss; a name without one belongs to train.
    learning_rate is lr here. Images, histograms, texts and graphs are left out, and counted at the end.

    \b
    Examples:
      otel-mmlog convert lightning_logs/version_0 -o work_dirs/old
      otel-mmlog convert runs -o work_dirs/tensorboard
      otel-mmlog convert ../mmdet/work_dirs/faster-rcnn -o work_dirs/faster-rcnn
      otel-mmlog send work_dirs/old --endpoint http://localhost:4318
    """
    environ = environment()
    file_mode = read_file_mode(environ)
    console = Console(stderr=True)
    try:
        runs = [run for source in sources for run in _found(source)]
        places = _places(runs, work_dir)
        for place in places:
            check_free(place, force=force, file_mode=file_mode)
        targets = [Target(place, environ, file_mode) for place in places]
        reading = Reading()
        results = _convert(runs, targets, reading, console)
    except OccupiedError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(
            f"{where}{error.strerror or error}. Nothing of this run was kept; the source is as it was."
        ) from None
    _tell(runs, targets, results, reading, console)
    if any(result.refused for result in results):
        raise click.exceptions.Exit(1)


def _found(source: Path) -> list[Foreign]:
    """The runs in a source.

    Raises:
        click.UsageError: There are none.
        OSError: It cannot be read.
    """
    if not source.exists():
        raise click.UsageError(f"{source} does not exist: give a folder or a file of TensorBoard or MMEngine")
    if source.is_file():
        runs = find_tensorboard_runs(source) if is_event_file(source) else find_mmengine(source)
    else:
        runs = find_mmengine(source)
        known = {run.folder.resolve() for run in runs}  # MMEngine can write event files beside its own
        runs += [run for run in find_tensorboard_runs(source) if not _is_below(run.folder, known)]
    if not runs:
        raise click.UsageError(
            f"there is no run to convert in {source}: give a folder with event files of TensorBoard (their names "
            "hold tfevents) or with a work_dir of MMEngine; what this package wrote needs no conversion"
        )
    if any(run.kind == "TensorBoard" for run in runs) and importlib.util.find_spec("tensorboard") is None:
        raise click.UsageError("event files need TensorBoard's reader: pip install 'otel-mmlog[convert]'")
    return runs


def _is_below(folder: Path, others: set[Path]) -> bool:
    resolved = folder.resolve()
    return not others.isdisjoint((resolved, *resolved.parents))


def _places(runs: list[Foreign], work_dir: Path) -> list[Path]:
    """A folder for each run: the one that the user names, or below it one of each name."""
    if len(runs) == 1:
        return [work_dir]
    names: dict[str, None] = {}
    for run in runs:
        name = run.name
        while name in names:
            name += "_"
        names[name] = None
    return [work_dir.joinpath(*_parts(name)) for name in names]


def _parts(name: str) -> Iterable[str]:
    return [part for part in name.split("/") if part not in ("", ".", "..")]


def _convert(runs: list[Foreign], targets: list[Target], reading: Reading, console: Console) -> list[Written]:
    results = []
    with progress_bar(console, DownloadColumn()) as progress:
        bar = progress.add_task("converting", total=sum(run.size_bytes for run in runs))
        reading.advance = lambda size_bytes: progress.advance(bar, size_bytes)
        for run, target in zip(runs, targets, strict=True):
            progress.update(bar, description=rich_escape(escape(run.name)))
            mark(target.work_dir, list(file_names(run).values()), run.ranks, target.file_mode)
            try:
                result = write_run(run, target, reading)
                if not result.first_ns:
                    remove_converted(target.work_dir, target.file_mode)
                    reading.notes.add(f"{run.name} holds nothing that can be taken: it was not written.")
                results.append(result)
            except BaseException:  # half a run looks like a whole one
                remove_converted(target.work_dir, target.file_mode)
                raise
    return results


def _tell(
    runs: list[Foreign], targets: list[Target], results: list[Written], reading: Reading, console: Console
) -> None:
    rows = [
        (
            run.name,
            run.run_id,
            result.records,
            result.lines,
            _day(result.first_ns),
            _day(result.last_ns),
        )
        for run, result in zip(runs, results, strict=True)
        if result.first_ns
    ]
    click.echo(table(("run", "run id", "records", "lines", "from", "to"), *rows))
    left_out = [f"{count:,} {what}" for what, count in sorted(reading.left_out.items()) if count]
    if left_out:
        say(console, f"Left out: {', '.join(left_out)}.")
    for note in sorted(reading.notes):
        say(console, note)
    for run, result in zip(runs, results, strict=True):
        reasons = ", ".join(f"{count:,} ({reason})" for reason, count in result.refused.items())
        if reasons:
            say(console, f"{run.name}: the journal did not take {reasons}")
    first = targets[0].work_dir
    where = first if len(targets) == 1 else _common(targets)
    say(console, f"Try: otel-mmlog show {where}")


def _common(targets: list[Target]) -> Path:
    shared = set.intersection(*(set(target.work_dir.parents) for target in targets))
    return max(shared, key=lambda path: len(path.parts))


def _day(time_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(time_ns / 1e9)) if time_ns else ""
