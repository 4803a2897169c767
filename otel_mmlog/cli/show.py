"""``otel-mmlog show``: the runs below a folder, or one run."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn

from otel_mmlog.cli.folders import RUN_ID_HELP, chosen_folder, runs_below
from otel_mmlog.cli.mistakes import told_mistakes
from otel_mmlog.cli.progress import progress_bar
from otel_mmlog.cli.sending import say
from otel_mmlog.cli.showing.best import Direction
from otel_mmlog.cli.showing.page import Page
from otel_mmlog.cli.showing.rows import as_data, not_there, runs_table
from otel_mmlog.cli.showing.summary import Summary, Wanted, backlog_bytes, mmengine_summary, summary_of
from otel_mmlog.cli.width import terminal_width
from otel_mmlog.pipeline.plain import plain, to_json
from otel_mmlog.runs.find import Run
from otel_mmlog.runs.mmengine import MMEngineRun
from otel_mmlog.runs.series import wanted as wanted_names
from otel_mmlog.settings import environment, read_file_mode

_LOOK_BACK_ONE = 500
AnyRun = Run | MMEngineRun
_Item = TypeVar("_Item")


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--run", "run_id", metavar="ID", help=f"{RUN_ID_HELP} all.")
@click.option("--metric", metavar="NAME", help="Which metric's best value, such as val/acc; else a guess.")
@click.option("--best", type=click.Choice(["max", "min"]), help="Which is better; else a guess by its name.")
@click.option("--json", "is_json", is_flag=True, help="All of it as JSON, for jq.")
def show(
    folder: Path | None, run_id: str | None, metric: str | None, best: str | None, *, is_json: bool
) -> None:
    """Show the runs below a folder, or one run in detail.

    DIR is a folder above some runs, or the work_dir of one, which is shown with its ranks, alerts and config; without
    it work_dirs, or else this folder. Runs of MMEngine that were never run with this package are listed too.

    \b
    Examples:
      otel-mmlog show
      otel-mmlog show work_dirs --metric val/acc
      otel-mmlog show work_dirs/digits
      otel-mmlog show work_dirs --run c6bf64be
      otel-mmlog show --json | jq '.[] | select(.state == "failed").work_dir'
    """
    where = chosen_folder(folder)
    console = Console(stderr=True)
    now_s = time.time()
    direction: Direction | None = None if best is None else "max" if best == "max" else "min"
    fits = None if metric is None else wanted_names([metric])
    with told_mistakes():
        asked = Wanted(metric, fits, direction, now_s, read_file_mode(environment()))
        runs = runs_below(where, run_id)
        if len(runs) == 1:
            _show_one(runs[0], asked, console, is_json=is_json)
        else:
            _show_all(runs, asked, where, console, is_json=is_json)


def _show_one(run: AnyRun, asked: Wanted, console: Console, *, is_json: bool) -> None:
    summary = _summary(run, asked, _LOOK_BACK_ONE)
    page = Page(summary, backlog_bytes(run.work_dir, asked.file_mode), asked.now_s)
    click.echo(to_json(plain(page.data())) if is_json else page.text(terminal_width()))
    _say_not_there(asked, [summary], console)


def _show_all(
    runs: Sequence[AnyRun], asked: Wanted, folder: Path, console: Console, *, is_json: bool
) -> None:
    summaries = [_summary(run, asked) for run in _shown(runs, console)]
    # What a work_dir still holds is told once, with the run that wrote last in it.
    latest = {summary.run.work_dir: summary for summary in sorted(summaries, key=lambda each: each.last_s)}
    backlogs = [
        sum(backlog_bytes(work_dir, asked.file_mode).values()) if latest[work_dir] is each else None
        for each in summaries
        for work_dir in [each.run.work_dir]
    ]
    if is_json:
        rows = [as_data(*pair, asked.now_s) for pair in zip(summaries, backlogs, strict=True)]
        click.echo(to_json(plain(rows)))
    else:
        text, remark = runs_table(summaries, backlogs, folder, asked.now_s, terminal_width())
        click.echo(text)
        if remark:
            say(console, remark)
    _say_not_there(asked, summaries, console)


def _say_not_there(asked: Wanted, summaries: Sequence[Summary], console: Console) -> None:
    if missing := not_there(asked.metric, summaries):
        say(console, missing)


def _summary(run: AnyRun, asked: Wanted, look_back: int = 100) -> Summary:
    return summary_of(run, asked, look_back) if isinstance(run, Run) else mmengine_summary(run, asked)


def _shown(items: Sequence[_Item], console: Console) -> Iterator[_Item]:
    """Yield each, with a progress bar on a terminal."""
    with progress_bar(console, MofNCompleteColumn()) as progress:
        task = progress.add_task("reading", total=len(items))
        for item in items:
            yield item
            progress.advance(task)
