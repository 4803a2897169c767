"""What importing the core costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import otel_mmlog.core

FOLDER = Path(otel_mmlog.core.__file__).parent
MODULES = sorted(f"otel_mmlog.core.{path.stem}" for path in FOLDER.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("heavy", ["torch", "structlog", "opentelemetry", "mmengine", "google"])
def test_core_is_light(heavy: str) -> None:
    """Importing every module of the core loads numpy, the standard library and nothing else."""
    code = f"import sys, {', '.join(MODULES)}; sys.exit({heavy!r} in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=FOLDER.parents[1], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
