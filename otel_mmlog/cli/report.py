"""``otel-mmlog report``: a run as one HTML file."""

import contextlib
import re
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn

from otel_mmlog.cli.folders import RUN_ID_HELP, chosen_folder, newest, runs_below
from otel_mmlog.cli.mistakes import told_mistakes
from otel_mmlog.cli.progress import progress_bar
from otel_mmlog.cli.reporting.facts import STEPS, Facts, read_facts
from otel_mmlog.cli.reporting.page import report_page
from otel_mmlog.cli.reporting.sections import NO_MATPLOTLIB
from otel_mmlog.cli.sending import say
from otel_mmlog.cli.showing.best import Direction
from otel_mmlog.cli.showing.rows import not_there
from otel_mmlog.cli.showing.summary import Wanted
from otel_mmlog.cli.shown import shown_bytes
from otel_mmlog.runs.find import Run
from otel_mmlog.runs.mmengine import MMEngineRun
from otel_mmlog.runs.series import wanted as wanted_names
from otel_mmlog.settings import environment, read_file_mode

_SUFFIXES = (".html", ".htm")
_NO_FILE_NAME = re.compile(r"[^\w.-]+")


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    help="The page, replaced if it is there; - for standard output; without it the run's name with .html.",
)
@click.option("--run", "run_id", metavar="ID", help=f"{RUN_ID_HELP} the newest.")
@click.option("--metric", metavar="NAME", help="Which metric's best value, such as val/acc; else a guess.")
@click.option("--best", type=click.Choice(["max", "min"]), help="Which is better; else a guess by its name.")
def report(
    folder: Path | None, output: Path | None, run_id: str | None, metric: str | None, best: str | None
) -> None:
    """Write a report of the run in DIR as one HTML file.

    It loads nothing, and can be looked at, sent and printed. It has the run's summary, its scalars as pictures, its
    life and its registry builds (by the journal, as far as it is still there), its ranks, warnings and errors, and
    its config with secrets masked. DIR is a run's work_dir, or a folder above some; without it work_dirs, or else
    this folder. MMEngine's own files will do.

    \b
    Examples:
      otel-mmlog report work_dirs/digits
      otel-mmlog report work_dirs/digits -o digits.html --metric val/acc
      otel-mmlog report work_dirs --run c6bf64be -o - > run.html
    """  # fmt: skip
    where = chosen_folder(folder)
    if output is not None and str(output) != "-" and output.suffix.lower() not in _SUFFIXES:
        raise click.UsageError(f"-o {output} is no page: give a name that ends with .html")
    console = Console(stderr=True)
    direction: Direction | None = None if best is None else "max" if best == "max" else "min"
    with told_mistakes():
        mode = read_file_mode(environment())
        asked = Wanted(metric, wanted_names([metric]) if metric else None, direction, time.time(), mode)
        run = newest(runs_below(where, run_id))
        facts = _read(run, asked, console)
        if missing := not_there(metric, [facts.summary]):
            say(console, missing)
        _write(report_page(facts), output or Path(_file_name(run.name)), facts, console)


def _read(run: Run | MMEngineRun, asked: Wanted, console: Console) -> Facts:
    with progress_bar(console, MofNCompleteColumn()) as progress:
        task = progress.add_task("reading", total=STEPS)
        return read_facts(run, asked, lambda: progress.advance(task))


def _write(page: str, output: Path, facts: Facts, console: Console) -> None:
    data = page.encode("utf-8")
    if str(output) == "-":
        click.echo(data, nl=False)
    else:
        part = output.with_name(f".{output.name}.part")
        try:
            part.write_bytes(data)
            part.replace(output)
        except OSError as error:
            raise click.ClickException(
                f"{output}: {error.strerror or error}. Give -o a name in a folder that you may write to."
            ) from None
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
    if not facts.pictures.has_matplotlib:
        say(console, NO_MATPLOTLIB)
    if str(output) != "-":
        say(console, f"{output}: {shown_bytes(len(data))}.")


def _file_name(name: str) -> str:
    return f"{_NO_FILE_NAME.sub('_', name).lstrip('.-') or 'run'}.html"
