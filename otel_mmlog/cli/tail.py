"""``otel-mmlog tail``: the lines of all ranks of a run, merged by time."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console

from otel_mmlog.cli.folders import chosen_folder, no_runs, tell_left_out
from otel_mmlog.cli.mistakes import told_mistakes
from otel_mmlog.cli.sending import say
from otel_mmlog.cli.tailing.files import Family, LogFile, find_families
from otel_mmlog.cli.tailing.follow import Following, ended_ranks
from otel_mmlog.cli.tailing.history import Ends, all_since, last_of_all, whole_bytes
from otel_mmlog.cli.tailing.printer import Printer
from otel_mmlog.cli.tailing.wants import Wants, parse_level, parse_pattern, parse_ranks, parse_since
from otel_mmlog.runs.state import RankState

_LINES = 20
_PAUSE_S = 0.2
_LOOK_S = 1.0
_RESTART_S = 30.0
_Parsed = TypeVar("_Parsed")


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("-n", "--lines", metavar="N", help="How many lines, or all; without it 20, with --since all.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written, until the run ends.")
@click.option("--rank", metavar="3,5-7", help="Only these ranks.")
@click.option("--level", metavar="LEVEL", help="Only lines of this level and above: W, warning or 30.")
@click.option("--grep", metavar="RE", help="Only lines with this in the text; (?i) before it ignores case.")
@click.option("--since", metavar="TIME", help="Only lines since 30s, 5m, 2h, 1d ago, 14:30, 2026-11-22.")
@click.option("--json", "is_json", is_flag=True, help="The JSON lines themselves, for jq.")
def tail(
    folder: Path | None,
    lines: str | None,
    rank: str | None,
    level: str | None,
    grep: str | None,
    since: str | None,
    *,
    follow: bool,
    is_json: bool,
) -> None:
    """Show the last lines of all ranks of a run, merged by time.

    DIR is a run's work_dir, a folder above some (the run that was written last is shown) or one file; without it
    work_dirs, or else this folder. Lines are those of the .log files; with several ranks, the rank is before each.
    MMEngine's own .log files are read where there is no JSON. Times are this machine's (TZ names another zone),
    wherever the run was.

    With --follow the exit code is 0 when the run has finished, and 1 when it failed or was killed and nobody
    started it again within 30 s.

    \b
    Examples:
      otel-mmlog tail work_dirs/digits -f
      otel-mmlog tail work_dirs/digits -n 100 --rank 3,5-7 --level W
      otel-mmlog tail work_dirs/digits --since 5m --grep 'loss: nan'
      otel-mmlog tail work_dirs/digits -n all --json | jq .tags.loss
    """
    where = chosen_folder(folder)
    wants = Wants(
        ranks=_option("--rank", parse_ranks, rank),
        least=_option("--level", parse_level, level),
        pattern=_option("--grep", parse_pattern, grep),
        since_s=_option("--since", lambda text: parse_since(text, time.time()), since),
    )
    count = _option("--lines", _count, lines or ("all" if since is not None else str(_LINES)))
    console = Console(stderr=True)
    with told_mistakes():
        left_out: list[Path] = []
        family = _family(where, left_out, console, wait=follow)
        ends = _ends(family, wants, left_out)
        tell_left_out(list(dict.fromkeys(left_out)))
        printer = Printer((file.rank for file in ends), is_json=is_json)
        printer.write(all_since(ends, wants) if count is None else last_of_all(ends, count, wants))
        if since is not None and not printer.written:
            _tell_age(ends, wants, since, console)
        code = follow_run(family, ends, wants, printer, console) if follow else 0
    raise SystemExit(code)


def _option(name: str, parse: Callable[[str | None], _Parsed], text: str | None) -> _Parsed:
    try:
        return parse(text)
    except ValueError as error:
        raise click.UsageError(f"{name} {error}") from None


def _count(text: str | None) -> int | None:
    """How many lines; None for all."""
    if text is None or text == "all":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise ValueError(f"{text!r} is no number of lines: give one such as 100, or all")
    return int(text)


def _family(folder: Path, left_out: list[Path], console: Console, *, wait: bool) -> Family:
    """The files that were written last; what else there is is told."""
    families = find_families(folder, left_out)
    if not families and wait:
        say(console, f"There is no run in {folder} yet: this waits for one, until Ctrl-C.")
        while not families:
            time.sleep(_LOOK_S)
            families = find_families(folder, [])
    if not families:
        raise no_runs(folder)
    latest = max(families, key=lambda family: family.changed_s)
    if len(families) > 1:
        say(console, f"{latest.name}: written last of {len(families)} in {folder}; name another to see it.")
    return latest


def _ends(family: Family, wants: Wants, left_out: list[Path]) -> Ends:
    """What there is of each file that can be read."""
    files = [file for file in family.files() if wants.ranks(file.rank)]
    if not files:
        there = ", ".join(str(file.rank) for file in family.files()[:16])
        raise click.UsageError(
            f"no file in {family.folder} is of these ranks: there is {there}. Other ranks write files at DEBUG, or "
            "with distributed=True"
        )
    ends: dict[LogFile, int] = {}
    for file in files:
        try:
            ends[file] = whole_bytes(file.path)
        except OSError:
            if len(files) == 1:
                raise
            left_out.append(file.path)
    return ends


def _tell_age(ends: Ends, wants: Wants, since: str, console: Console) -> None:
    last = last_of_all(ends, 1, replace(wants, since_s=None))
    if last:
        stamp = datetime.fromtimestamp(last[0].time_s).astimezone()
        say(console, f"There is nothing since {since}: the last such line is of {stamp:%Y-%m-%d %H:%M:%S}.")


def follow_run(
    family: Family,
    ends: Ends,
    wants: Wants,
    printer: Printer,
    console: Console,
    *,
    restart_s: float = _RESTART_S,
    look_s: float = _LOOK_S,
) -> int:
    """Print what comes until the run ends; returns the exit code.

    Args:
        family: Its files.
        ends: Where to begin in them.
        wants: What is printed.
        printer: Where to.
        console: For what is said of the run itself.
        restart_s: How long a run that did not finish is waited for.
        look_s: After how long it is looked for new files, and for the end.

    Raises:
        OSError: A file cannot be read, or nobody reads what is printed.
    """
    following = Following(family, ends, wants)
    looked_s = 0.0
    ended_s: float | None = None
    try:
        while True:
            lines, is_more = following.next_lines()
            printer.write(lines)
            now_s = time.monotonic()
            if not is_more and now_s - looked_s >= look_s:
                looked_s = now_s
                following.look_for_files()
                states = ended_ranks(family, time.time)
                if states is not None and all(state.state == "finished" for state in states):
                    printer.write(following.next_lines()[0])
                    return 0
                if states is None:
                    ended_s = None
                elif ended_s is None:
                    ended_s = now_s
                    _tell(states, console, restart_s)
                elif now_s - ended_s > restart_s:
                    return 1
            if not is_more:
                time.sleep(_PAUSE_S)
    finally:
        following.close()


def _tell(states: list[RankState], console: Console, restart_s: float) -> None:
    bad = [state for state in states if state.state != "finished"]
    shown = ", ".join(f"rank {state.rank} {_became(state)}" for state in bad[:3])
    others = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    say(console, f"{shown}{others}. This waits {restart_s:g} s for a restart.")


def _became(state: RankState) -> str:
    if state.state == "killed":
        return "was killed"
    return f"failed ({state.error})" if state.error else "failed"
