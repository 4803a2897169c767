"""A short run of another user: ``python -m tests.faults.security.planted_run UID WARM_DIR WORK_DIR LAYOUT``.

The first run, in WARM_DIR and still as root, has everything loaded that the second needs: the user may not be able to
read the interpreter's own files.
"""

import os
import sys
from pathlib import Path
from typing import Any

import otel_mmlog

SECRET = "for my eyes only"


def main() -> None:
    """Run twice, and say what came of it on standard output."""
    uid = int(sys.argv[1])
    _run(Path(sys.argv[2]), sys.argv[4])
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    print("the second run")
    _run(Path(sys.argv[3]), sys.argv[4])
    print("ended")


def _run(work_dir: Path, layout: Any) -> None:
    with otel_mmlog.init("tmp", work_dir=work_dir, layout=layout, interval=1) as run:
        for number in run.train(range(3)):
            run.log(loss=float(number))
            run.logger.info(SECRET)
        run.flush(1)


if __name__ == "__main__":
    main()
