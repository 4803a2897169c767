"""Runs of all kinds of names: ``python -m tests.faults.security.named_runs WORK_DIR``, names as JSON on stdin.

Says for each, as JSON, whether it was refused.
"""

import json
import sys
from typing import Any

import otel_mmlog


def main() -> None:
    """Run each, as an experiment and as a run id, with and without a work_dir."""
    print(json.dumps([_is_refused(name) for name in json.load(sys.stdin)]))


def _is_refused(name: str) -> list[bool]:
    return [
        _try(name, work_dir=sys.argv[1]),
        _try(name, work_dir=sys.argv[1], layout="separate"),
        _try(name),
        _try("tmp", work_dir=sys.argv[1], run_id=name),
    ]


def _try(name: str, **options: Any) -> bool:
    try:
        otel_mmlog.init(name, console=False, distributed=True, **options).close()
    except otel_mmlog.ConfigError:
        return True
    return False


if __name__ == "__main__":
    main()
