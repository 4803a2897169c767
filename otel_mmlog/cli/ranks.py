"""``otel-mmlog ranks``: which ranks are slow, since when, and what it costs."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import TaskProgressColumn

from otel_mmlog.cli.folders import RUN_ID_HELP, chosen_folder, fitting, newest, own_runs_below
from otel_mmlog.cli.progress import progress_bar
from otel_mmlog.cli.sending import say
from otel_mmlog.cli.width import terminal_width
from otel_mmlog.core.escape import escape
from otel_mmlog.core.shown import counted
from otel_mmlog.runs.find import Run
from otel_mmlog.runs.paces import Pace, Paces, pace_of_each, side_by_side
from otel_mmlog.runs.step_times import StepTimes, read_step_times

_OTHERS = (
    "For JSON lines of all ranks give init(distributed=True), or OTEL_MMLOG_LOG_LEVEL=DEBUG; with MMEngine "
    "OTEL_MMLOG_DISTRIBUTED=true. Journals tell it too, as long as nothing has sent them"
)


def _share(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if 0 < share < 100:
        return share
    raise click.BadParameter(f"{text!r} is not a percentage above 0: write 10% for one tenth")


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--run", "run_id", metavar="ID", help=f"{RUN_ID_HELP} the newest.")
@click.option(
    "--over", default="10%", show_default=True, metavar="PERCENT", callback=_share, help="What is too slow."
)
@click.option("--all", "show_all", is_flag=True, help="All ranks, where there are many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A picture: .png, .svg or .pdf; one that is there is replaced.",
)
def ranks(
    folder: Path | None,
    run_id: str | None,
    over: float,
    output: Path | None,
    *,
    show_all: bool,
    as_json: bool,
) -> None:
    """Compare the ranks of the run in DIR by their step times.

    DIR is a run's work_dir, or a folder above some; without it work_dirs, or else this folder.
    It tells the slowest ranks, since which step they are, and how long all others have waited for them. A rank is too
    slow where its step, or its wait for data, is longer than the median rank's by --over. Read are the JSON lines of
    each rank, or else its journal.

    \b
    Examples:
      otel-mmlog ranks work_dirs/digits
      otel-mmlog ranks work_dirs/digits -o ranks.png
      otel-mmlog ranks work_dirs/digits --json | jq '.ranks[].slow_share'
    """
    console = Console(stderr=True)
    folder = chosen_folder(folder)
    try:
        run = newest(fitting(own_runs_below(folder), folder, run_id))
        times = _read(run, console)
        paces = _compared(run, times)
        each = pace_of_each(paces, over)
        click.echo(
            json.dumps(_document(run, times, paces, each, over), indent=2)
            if as_json
            else _text(run, times, paces, each, over, show_all=show_all)
        )
        if output is not None:
            _draw(paces, output, f"{run.name} {run.run_id[:8]}", console)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(
            f"{where}{error.strerror or error}. Check who may read or write it."
        ) from None


def _read(run: Run, console: Console) -> list[StepTimes]:
    """The times of every rank that has left some, in order.

    Raises:
        OSError: A file cannot be read.
    """
    from otel_mmlog.cli.pacing.journals import journals_by_rank, read_journal_times  # noqa: PLC0415 - not always needed

    journals = {rank: path for rank, path in journals_by_rank(run.work_dir).items() if rank not in run.ranks}
    with progress_bar(console, TaskProgressColumn()) as progress:
        task = progress.add_task("reading", total=len(run.ranks) + len(journals))
        found: list[StepTimes] = []
        for rank in run.ranks:
            found.append(read_step_times(run, rank))
            progress.advance(task)
        for rank, path in journals.items():
            found.append(read_journal_times(path, rank, run.run_id))
            progress.advance(task)
    return sorted((each for each in found if each.steps), key=lambda each: each.rank)


def _compared(run: Run, times: list[StepTimes]) -> Paces:
    if not times:
        raise click.ClickException(
            f"{run.name} has no record of a train loop with its time in {run.work_dir}: is it the right folder?"
        )
    if len(times) == 1:
        if _world_size(run) == 1:
            raise click.ClickException(f"{run.name} has one rank: there is nothing to compare")
        raise click.ClickException(
            f"only rank {times[0].rank} of {run.name} has left step times in {run.work_dir}. {_OTHERS}"
        )
    try:
        return side_by_side(times)
    except ValueError as error:
        raise click.ClickException(f"the ranks of {run.name} cannot be compared: {error}") from None


def _text(
    run: Run, times: Sequence[StepTimes], paces: Paces, each: Sequence[Pace], over: float, *, show_all: bool
) -> str:
    from otel_mmlog.cli.pacing.text import pace_table, remarks  # noqa: PLC0415 - JSON does not need it

    hosts = {times_of.rank: times_of.host for times_of in times}
    sources = " and ".join(sorted({times_of.source for times_of in times}))
    first, last = int(paces.steps[0] - paces.widths[0]) + 1, int(paces.steps[-1])
    lines = [
        f"{escape(run.name)} {escape(run.run_id[:8])}: {len(times)} ranks, steps {first:,} to {last:,}, by {sources}",
        "",
        pace_table(each, hosts, show_all=show_all),
        "",
    ]
    said = list(remarks(paces, each, hosts, over))
    missing = _missing(run, times)
    if missing:
        shown = ", ".join(map(str, missing[:8])) + (" ..." if len(missing) > 8 else "")
        said.append(f"{counted(len(missing), 'rank')} without step times here: {shown}. {_OTHERS}.")
    if any(times_of.is_sampled for times_of in times):
        said.append("The files are long: by records at even distances, so that the numbers are estimates.")
    width = terminal_width()
    if width is not None:
        said = [textwrap.fill(each, max(40, width)) for each in said]
    return "\n".join(lines + said)


def _document(
    run: Run, times: Sequence[StepTimes], paces: Paces, each: Sequence[Pace], over: float
) -> dict[str, Any]:
    total_s = paces.total_s
    return {
        "run_id": run.run_id,
        "name": run.name,
        "work_dir": str(run.work_dir),
        "over": over,
        "steps": [int(paces.steps[0]), int(paces.steps[-1])],
        "is_sampled": any(times_of.is_sampled for times_of in times),
        "total_s": total_s,
        "waits_together": paces.is_together,
        "cost_s": paces.cost_s(data=False),
        "data_cost_s": paces.cost_s(data=True),
        "missing": _missing(run, times),
        "ranks": [
            {**asdict(pace), "host": times_of.host, "source": times_of.source}
            for pace, times_of in zip(each, times, strict=True)
        ],
    }


def _missing(run: Run, times: Sequence[StepTimes]) -> list[int]:
    return sorted(set(range(_world_size(run))) - {times_of.rank for times_of in times})


def _world_size(run: Run) -> int:
    """Ranks of the last start, or as many as have left files if nothing says it."""
    last = max(run.parts, key=lambda part: part.first.time_s)
    said = last.first.rest.get("world_size")
    return said if isinstance(said, int) and said > 0 else len(run.ranks)


def _draw(paces: Paces, output: Path, title: str, console: Console) -> None:
    from otel_mmlog.cli.pacing.picture import save_picture  # noqa: PLC0415 - an extra

    try:
        save_picture(paces, output, title)
    except ValueError as error:
        raise click.UsageError(f"{output}: {error}") from None
    say(console, f"Wrote {output}")
