"""Starts a run, or sends, with each of some environments in turn; prints what is said to it.

``python -m tests.faults.security.malformed_secrets init|send WORK_DIR``, and a list of environments as JSON on stdin.
"""

import json
import os
import sys
import traceback

import otel_mmlog
from otel_mmlog.cli.main import main as command_line


def main() -> None:
    """Try each."""
    for variables in json.load(sys.stdin):
        before = dict(os.environ)
        os.environ.update(variables)
        try:
            if sys.argv[1] == "init":
                otel_mmlog.init("tmp", work_dir=sys.argv[2], console=False).close()
            else:
                command_line(["send", sys.argv[2]], "otel-mmlog")
            print("accepted", file=sys.stderr)
        except BaseException as error:  # noqa: BLE001 - shown as the interpreter would, then the next one
            traceback.print_exception(error)
        finally:
            os.environ.clear()
            os.environ.update(before)


if __name__ == "__main__":
    main()
