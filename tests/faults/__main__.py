"""Breaks everything around a run, and prints what became of every item: ``python -m tests.faults``."""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.faults.every import FAULTS
from tests.faults.fault import Context, Fault
from tests.faults.outcome import Outcome, render


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the faults and print the table; 1 if a promise did not hold."""
    options = _parse(arguments)
    wanted = [
        fault for fault in FAULTS if not options.only or any(word in fault.name for word in options.only)
    ]
    if not wanted:
        print(f"no fault is called {' or '.join(options.only)}; --list names them", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(fault.name for fault in wanted))
        return 0
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="faults") as folder:
        for number, fault in enumerate(wanted):
            begun_s = time.monotonic()
            print(f"[{number + 1}/{len(wanted)}] {fault.name} ...", end="", file=sys.stderr, flush=True)
            own = Path(folder, str(number))
            own.mkdir()
            outcomes[fault.name] = _make(fault, Context(own, None if options.short else options.minutes))
            verdict = outcomes[fault.name].verdict
            print(f" {verdict} ({time.monotonic() - begun_s:.0f} s)", file=sys.stderr, flush=True)
    print(render(outcomes))
    return 1 if any(outcome.verdict == "WRONG" for outcome in outcomes.values()) else 0


def _make(fault: Fault, context: Context) -> Outcome:
    try:
        return fault.run(context)
    except Exception as error:  # noqa: BLE001 - the table says so, and the other faults are still to be made
        traceback.print_exc()
        return Outcome(wrong=[f"the fault could not be made: {error!r}"])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="faults whose name has this in it; may be repeated"
    )
    parser.add_argument(
        "--minutes", type=float, default=2.0, metavar="N", help="of each fault that lasts: soak, fuzz (2)"
    )
    parser.add_argument("--short", action="store_true", help="as the tests have it: quick, steps not timed")
    parser.add_argument("--list", action="store_true", help="print the names")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
