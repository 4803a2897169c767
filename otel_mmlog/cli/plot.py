"""``otel-mmlog plot``: scalars of runs as a picture, in a file or in the terminal."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn

from otel_mmlog.cli.folders import chosen_folder, no_runs, sources_below
from otel_mmlog.cli.mistakes import unreadable
from otel_mmlog.cli.progress import progress_bar
from otel_mmlog.cli.sending import say
from otel_mmlog.cli.shown import listed
from otel_mmlog.core.shown import counted
from otel_mmlog.plots.chart import Chart, XKind
from otel_mmlog.plots.figure import FORMATS, render
from otel_mmlog.plots.page import page
from otel_mmlog.plots.reading import Reading, Wish, read_chart
from otel_mmlog.plots.summary import odd_text
from otel_mmlog.plots.terminal import ROWS, draw
from otel_mmlog.runs.sources import Source

NO_MATPLOTLIB: Final = "pictures in files need matplotlib: pip install 'otel-mmlog[plot]'"
_SUFFIXES = (*FORMATS, "html")
_MOST_REMARKS = 8
_MOST_INCHES = 100.0


@click.command()
@click.argument("what", metavar="[DIR|NAME]...", nargs=-1)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A .png, .svg, .pdf or .html file; one that is there is replaced.",
)
@click.option(
    "--x",
    "x_kind",
    type=click.Choice(["step", "epoch", "time", "wall"]),
    default="step",
    show_default=True,
    help="What is on the x axis; time is since the start, wall the clock's here.",
)
@click.option(
    "--smooth",
    default=0.0,
    show_default=True,
    metavar="WEIGHT",
    help="Smooth as TensorBoard does, 0 to 1, as 0.6.",
)
@click.option("--rank", type=int, metavar="N", help="The rank; without it the first that each run has.")
@click.option(
    "--ranks", is_flag=True, help="The median of all ranks, and a band from the lowest to the highest."
)
@click.option("--log-y", is_flag=True, help="A logarithmic y axis.")
@click.option("--title", default="", metavar="TEXT", help="Above the picture.")
@click.option("--size", metavar="WxH", help="Of the file in inches, as 7x4; in the terminal in characters.")
def plot(
    what: tuple[str, ...],
    output: Path | None,
    x_kind: XKind,
    smooth: float,
    rank: int | None,
    title: str,
    size: str | None,
    *,
    ranks: bool,
    log_y: bool,
) -> None:
    """Draw scalars of the runs in DIR..., together.

    What exists is a folder or a file, what does not is a NAME: train/loss, 'val/*', or loss, which is any loop's.
    Without a DIR it is work_dirs, or else this folder; without a NAME the loss, and what val loops measured: epoch,
    iter, eta, time, data_time and memory are drawn where they are named. The legend says in which settings the runs
    differ. What was done again counts once; NaN and Inf are marked on the edge. Without -o the picture is drawn in
    the terminal.

    \b
    Examples:
      otel-mmlog plot work_dirs/digits
      otel-mmlog plot work_dirs/* train/loss 'val/*' -o losses.pdf
      otel-mmlog plot work_dirs/digits loss --smooth 0.6 --x epoch --log-y
      otel-mmlog plot work_dirs/digits time --ranks -o ranks.svg --size 3.4x2.4
    """
    paths = [Path(each) for each in what if Path(each).exists()]
    patterns = tuple(each for each in what if not Path(each).exists())
    _check(output, smooth, rank, ranks=ranks)
    measure = _size(size, least=1.0 if output else 10.0)
    wish = Wish(patterns, x_kind, smooth, rank, ranks, log_y, title)
    console = Console(stderr=True)
    try:
        paths = paths or [chosen_folder(None)]
        sources = sources_below(paths)
        if not sources:
            raise _no_runs(paths, patterns)
        reading = _read(sources, wish, console)
        chart = _chart_of(reading, wish, sources)
        if output is not None:
            _write(chart, output, measure)
    except OSError as error:
        raise _failed(error, output) from None
    if output is None:
        _show(chart, measure)
    remarks = list(_remarks(reading, chart, len(sources)))
    for remark in remarks[:_MOST_REMARKS]:
        say(console, remark)
    if len(remarks) > _MOST_REMARKS:
        say(console, f"... and {len(remarks) - _MOST_REMARKS} more such curves.")
    if output is not None:
        say(console, f"{output}: {counted(len(chart.panels), 'panel')}, {counted(len(chart.labels), 'run')}.")


def _check(output: Path | None, smooth: float, rank: int | None, *, ranks: bool) -> None:
    if output is not None and output.suffix.lower().lstrip(".") not in _SUFFIXES:
        allowed = ", ".join(f".{each}" for each in _SUFFIXES)
        raise click.UsageError(f"-o {output} is no picture: give a name that ends with one of {allowed}")
    if not 0 <= smooth < 1:
        raise click.UsageError(f"--smooth {smooth} is no weight: give 0 or more, and less than 1, as 0.6")
    if ranks and rank is not None:
        raise click.UsageError("--ranks and --rank are two things: give one of them")


def _size(text: str | None, least: float) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        width, height = (float(each) for each in text.lower().split("x"))
    except ValueError:
        width = height = 0.0
    if not (least <= width <= least * _MOST_INCHES and least <= height <= least * _MOST_INCHES):
        raise click.UsageError(
            f"--size {text} is no size: give width x height, {least:g} or more each, as 7x4"
        )
    return width, height


def _read(sources: Sequence[Source], wish: Wish, console: Console) -> Reading:
    with progress_bar(console, MofNCompleteColumn()) as progress:
        task = progress.add_task("reading runs", total=len(sources))
        return read_chart(sources, wish, lambda: progress.advance(task))


def _chart_of(reading: Reading, wish: Wish, sources: Sequence[Source]) -> Chart:
    """The chart, where there is one and each pattern found something.

    Raises:
        click.UsageError: There is not.
    """
    if reading.chart is not None and not reading.unmatched:
        return reading.chart
    if wish.rank is not None and not any(wish.rank in source.ranks for source in sources):
        there = sorted({rank for source in sources for rank in source.ranks})
        raise click.UsageError(
            f"no run has files of rank {wish.rank}: there are those of {listed(map(str, there))}"
        )
    names = sorted(name for name in reading.names if not name.endswith(("/epoch", "/iter")))
    there_are = f"there are {listed(names)}" if names else "the runs have no scalars"
    if reading.unmatched:
        missing = ", ".join(map(repr, reading.unmatched))
        near = [name for name in names if any(pattern in name for pattern in reading.unmatched)]
        there_are = f"did you mean {listed(near)}?" if near else there_are
        raise click.UsageError(f"no scalar and no folder is {missing}: {there_are}")
    raise click.UsageError(f"there is no loss and nothing of val: name what to draw; {there_are}")


def _no_runs(paths: Sequence[Path], patterns: Sequence[str]) -> click.ClickException:
    if not patterns:
        return no_runs(paths[0])
    return click.UsageError(
        f"there is no run in {paths[0]}, and no folder is called {listed(map(repr, patterns))}"
    )


def _failed(error: OSError, output: Path | None) -> click.ClickException:
    if output is None or output.name not in str(error.filename):
        return unreadable(error)
    return click.ClickException(f"{output}: {error.strerror or error}. Name a folder that you may write to.")


def _write(chart: Chart, output: Path, size: tuple[float, float] | None) -> None:
    kind = output.suffix.lower().lstrip(".")
    try:
        data = render(chart, "svg" if kind == "html" else kind, size)
    except ImportError:
        raise click.ClickException(NO_MATPLOTLIB) from None
    if kind == "html":
        data = page(chart, data.decode("utf-8")).encode("utf-8")
    part = output.with_name(f".{output.name}.part")
    try:
        part.write_bytes(data)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _show(chart: Chart, size: tuple[float, float] | None) -> None:
    console = Console(highlight=False)
    columns, rows = (int(size[0]), int(size[1])) if size else (shutil.get_terminal_size().columns, ROWS)
    has_color = console.color_system is not None and not console.no_color
    is_unicode = not console.options.ascii_only
    for line in draw(chart, columns, rows, color=has_color, unicode=is_unicode):
        console.print(line, soft_wrap=True)


def _remarks(reading: Reading, chart: Chart, sources: int) -> Iterator[str]:
    if sources > len(reading.sources):
        left = sources - len(reading.sources)
        yield f"{left} of {counted(sources, 'run')} {'has' if left == 1 else 'have'} nothing of it."
    if reading.is_sampled:
        yield "Long files were sampled: single lines are not in the picture."
    for panel in chart.panels:
        for curve in panel.curves:
            told = odd_text(curve)
            if told:
                yield f"{panel.name} of {chart.labels[curve.run]}: {told}."
        hidden = sum(int((curve.y <= 0).sum()) for curve in panel.curves) if chart.is_log else 0
        if hidden:
            yield f"{panel.name}: {counted(hidden, 'value')} of 0 or less not on a logarithmic axis."
