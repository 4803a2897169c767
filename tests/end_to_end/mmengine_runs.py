"""Starts a project of MMEngine with and without us, and reads what it left."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.mmengine_project import write_project
from tests.end_to_end.otlp_files import Span, Telemetry
from tests.processes import environment

TIMEOUT_S = 120
RUN = ("-m", "otel_mmlog", "run")
DEBUG = ("log_level=DEBUG",)


@dataclass(frozen=True, slots=True)
class Ended:
    """A training that is over.

    Attributes:
        folder: Its project.
        code: Its exit code.
        out: What it printed on stdout.
        error: And on stderr.
    """

    folder: Path
    code: int
    out: str
    error: str

    @property
    def work_dir(self) -> Path:
        """Where it wrote."""
        return self.folder / "work"


def start(
    folder: Path,
    *arguments: str,
    before: Sequence[str] = RUN,
    script: str = "train.py",
    variables: Mapping[str, str] | None = None,
) -> "subprocess.Popen[str]":
    """Start ``python *before script cfg.py *arguments`` in the folder of a project, which is written there."""
    write_project(folder)
    extra = {"OMP_NUM_THREADS": "1", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1", **(variables or {})}
    return subprocess.Popen(
        [sys.executable, *before, script, "cfg.py", *arguments],
        cwd=folder,
        env=environment(extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", folder: Path, code: int = 0) -> Ended:
    """Wait for the end of a training, which has to have this exit code."""
    out, error = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == code, out[-2000:] + error[-4000:]
    return Ended(folder, process.returncode, out, error)


def options(*pairs: str) -> list[str]:
    """The arguments that change the config."""
    return ["--cfg-options", *pairs] if pairs else []


def lineage(found: Telemetry, span: Span) -> tuple[str, ...]:
    """The names of a span and of what it is in, innermost first."""
    by_id = {each.span_id: each for each in found.spans}

    def climb() -> Iterator[str]:
        each: Span | None = span
        while each is not None:
            yield each.name
            each = by_id.get(each.parent_id)

    return tuple(climb())


def lineages(found: Telemetry) -> set[tuple[str, ...]]:
    """`lineage` of every span."""
    return {lineage(found, span) for span in found.spans}
