"""``otel-mmlog compare``: two runs side by side, and whether the second is worse."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console

from otel_mmlog.cli.comparing.metrics import How, Metric, Tolerance, common, metric_of
from otel_mmlog.cli.comparing.text import as_data, as_text
from otel_mmlog.cli.folders import chosen_folder, no_runs, sources_below
from otel_mmlog.cli.mistakes import told_mistakes
from otel_mmlog.cli.sending import say
from otel_mmlog.cli.shown import listed
from otel_mmlog.cli.width import terminal_width
from otel_mmlog.pipeline.plain import plain, to_json
from otel_mmlog.plots.reading import default_fits
from otel_mmlog.runs.series import Series, wanted
from otel_mmlog.runs.sources import Source


@click.command()
@click.argument("a", metavar="A", type=click.Path(path_type=Path))
@click.argument("b", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--metric",
    "metrics",
    metavar="NAME",
    multiple=True,
    help="B must not be worse in it, as val/accuracy or 'val/*'.",
)
@click.option("--tolerance", metavar="AMOUNT", help="How much worse is allowed: 1% of A's value, or 0.01.")
@click.option(
    "--best",
    "how",
    type=click.Choice(["max", "min", "last"]),
    help="Which values count: the highest or lowest finite one, or the last, which alone "
    "finds a NaN at the end; else the best, by a guess from the name.",
)
@click.option("--json", "is_json", is_flag=True, help="All of it as JSON.")
def compare(
    a: Path, b: Path, metrics: tuple[str, ...], tolerance: str | None, how: How | None, *, is_json: bool
) -> None:
    """Set the runs A and B side by side: settings and results.

    A and B are work_dirs or files of runs; of several runs in one the newest counts. The exit code is 1 if B is worse
    in a --metric than A by more than the tolerance, where NaN is worse than any number; 2 if A or B has no such metric.
    Without a --metric nothing is judged.

    \b
    Examples:
      otel-mmlog compare work_dirs/lr_0.1 work_dirs/lr_0.2
      otel-mmlog compare old/digits digits --metric val/accuracy --tolerance 1%
      otel-mmlog compare A B --metric 'val/*' --best last --json | jq .is_ok
    """
    if not metrics and (tolerance is not None or how is not None):
        raise click.UsageError("--tolerance and --best say how a --metric is judged: give one")
    allowed = _tolerance(tolerance)
    fits = wanted(metrics)

    def is_shown(name: str) -> bool:
        return default_fits(name) or fits(name)

    with told_mistakes():
        pair = [_one(side, path) for side, path in (("A", a), ("B", b))]
        seen: list[set[str]] = [set(), set()]
        found = [
            source.read(_noting(names, is_shown), source.ranks[0], len(pair))
            for source, names in zip(pair, seen, strict=True)
        ]
    _check_there(metrics, found, seen)
    rows = [
        metric_of(
            name,
            (found[0][name], found[1][name]),
            how if fits(name) else None,
            allowed,
            is_checked=fits(name),
        )
        for name in common(found)
    ]
    _print(pair, rows, is_json=is_json)
    if not rows:
        say(Console(stderr=True), _nothing_common(seen))
    raise SystemExit(1 if any(row.is_worse for row in rows) else 0)


def _tolerance(text: str | None) -> Tolerance:
    if text is None:
        return Tolerance()
    is_relative = text.strip().endswith("%")
    try:
        amount = float(text.strip().removesuffix("%"))
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise click.UsageError(
            f"--tolerance {text} is no amount: give a share of A's value as 1%, or a number as 0.01"
        )
    return Tolerance(amount / 100 if is_relative else amount, is_relative)


def _one(side: str, path: Path) -> Source:
    """The newest run of a folder."""
    sources = sources_below([chosen_folder(path)])
    if not sources:
        raise no_runs(path)
    if len(sources) > 1:
        told = f"{side}: the newest of {len(sources)} runs in {path}, {sources[-1].run_id[:8]}."
        say(Console(stderr=True), told)
    return sources[-1]


def _noting(names: set[str], fits: Callable[[str], bool]) -> Callable[[str], bool]:
    def sees(name: str) -> bool:
        names.add(name)
        return fits(name)

    return sees


def _check_there(
    metrics: Sequence[str], found: Sequence[Mapping[str, Series]], seen: Sequence[set[str]]
) -> None:
    """See that each metric is in both runs.

    Raises:
        click.UsageError: One is not.
    """
    for pattern in metrics:
        is_it = wanted([pattern])
        names = {name for of in found for name in of if is_it(name)} or {pattern}
        for side, of, there in zip("AB", found, seen, strict=True):
            missing = sorted(names - set(of))
            if missing:
                raise click.UsageError(f"{side} has no {', '.join(missing)}: it has {_has(there)}")


def _nothing_common(seen: Sequence[set[str]]) -> str:
    shared = _has(seen[0] & seen[1])
    if shared != _has(()):
        return f"No loss and nothing of val is in both: --metric NAME compares others; both have {shared}."
    return f"The runs have no metric in common: A has {_has(seen[0])}; B has {_has(seen[1])}."


def _has(names: Iterable[str]) -> str:
    return listed(sorted(name for name in names if not name.endswith(("/epoch", "/iter")))) or "no scalars"


def _print(pair: Sequence[Source], rows: Sequence[Metric], *, is_json: bool) -> None:
    if is_json:
        click.echo(to_json(plain(as_data(pair, rows))))
        return
    for text in as_text(pair, rows, terminal_width()):
        click.echo(text)
