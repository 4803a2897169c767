"""One table of what we cost, against mmengine where it does the same, in one run: ``python -m tests.benchmarks``."""

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks import (
    checkpoint,
    commands,
    curves,
    delivery,
    endpoint,
    every,
    fleet,
    fresh,
    full_path,
    gpu,
    hub,
    journal,
    knobs,
    memory,
    peers,
    record,
    registry,
    runner,
    scale,
    senders,
    start_close,
)
from tests.benchmarks.plot import picture_file, write_pictures
from tests.benchmarks.table import Row, in_groups, machine, render, summary, to_json

BENCHMARKS = {
    module.NAME: module.rows
    for module in (
        hub,
        full_path,
        peers,
        record,
        every,
        senders,
        delivery,
        journal,
        checkpoint,
        fresh,
        start_close,
        memory,
        registry,
        runner,
        endpoint,
        commands,
    )
}
_QUICK = "one short round each: these figures show that it runs, and decide nothing"
LONG = {
    runner.LONG: runner.long_rows,
    knobs.NAME: knobs.rows,
    fleet.NAME: fleet.rows,
    gpu.NAME: gpu.rows,
    curves.NAME: scale.rows,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it if asked to."""
    options = _parse(arguments)
    measured: list[Row] = []
    began_s = time.perf_counter()
    all_of_them = {
        **BENCHMARKS,
        **LONG,
        fleet.NAME: partial(fleet.rows, ranks=options.ranks),
        commands.NAME: partial(commands.rows, lines=options.lines),
    }
    for name in options.only or (all_of_them if options.full else BENCHMARKS):
        print(f"{time.perf_counter() - began_s:4.0f} s: measuring {name} ...", file=sys.stderr, flush=True)
        measured += all_of_them[name](quick=options.quick)
    rows = in_groups(measured)
    if options.json:
        options.json.write_text(to_json(rows))
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    print("each figure: median (lowest..highest) of the rounds\n")
    print(render(rows))
    print("", *filter(None, [peers.missing(), _QUICK if options.quick else ""]), summary(rows), sep="\n")
    if options.plot:
        write_pictures(rows, options.plot)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON, too")
    parser.add_argument("--plot", type=picture_file, metavar="FILE", help="draw the table, too: .svg or .png")
    parser.add_argument(
        "--quick", action="store_true", help="one short round: shows that it runs, not how fast"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[*BENCHMARKS, *LONG],
        metavar="NAME",
        help="|".join([*BENCHMARKS, *LONG]),
    )
    parser.add_argument("--ranks", type=int, default=1000, metavar="N", help="of the fleet")
    parser.add_argument(
        "--lines", type=int, default=commands.LINES, metavar="N", help="of each rank, for commands to look at"
    )
    parser.add_argument("--full", action="store_true", help=f"also what takes minutes: {', '.join(LONG)}")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
