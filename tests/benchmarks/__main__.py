"""One table of what we cost, against mmengine where it does the same, in one run: ``python -m tests.benchmarks``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import delivery, endpoint, fresh, full_path, hub, record, start_close
from tests.benchmarks.table import Row, machine, render, to_json

BENCHMARKS = {
    module.NAME: module.rows for module in (hub, full_path, record, fresh, start_close, delivery, endpoint)
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it if asked to."""
    options = _parse(arguments)
    rows: list[Row] = []
    for name in options.only or BENCHMARKS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += BENCHMARKS[name](quick=options.quick)
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    print("each figure: median (lowest..highest) of the rounds\n")
    print(render(rows))
    if options.json:
        options.json.write_text(to_json(rows))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON, too")
    parser.add_argument(
        "--quick", action="store_true", help="one short round: shows that it runs, not how fast"
    )
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, metavar="NAME", help="|".join(BENCHMARKS)
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
