"""Tells what a process has inherited: ``python -m tests.faults.processes.inherited FILE``."""

import json
import re
import sys
from pathlib import Path

_NUMBERS = re.compile(r"\[\d+\]")


def report(path: str) -> None:
    """Write what this process has open to a file, as a JSON list: no standard streams, no numbers of pipes."""
    links = [link for link in Path("/proc/self/fd").iterdir() if int(link.name) > 2]
    found = [str(link.readlink()) for link in links if link.is_symlink()]  # the listing itself has gone
    Path(path).write_text(json.dumps(sorted(_NUMBERS.sub("", each) for each in found)))


if __name__ == "__main__":
    report(sys.argv[1])
