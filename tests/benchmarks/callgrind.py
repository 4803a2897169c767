"""Instructions between marks of one process, counted by valgrind: they do not depend on how busy the machine is.

Imports lie before the first mark, so one process measures many things. What the kernel does is not counted.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

# A function of libc that nothing else calls: callgrind writes what it counted since the last call.
_MARK = "getpriority"
_TOTALS = re.compile(r"^totals: (\d+)$", re.MULTILINE)
_KEPT = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR")
_PINNED = {
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OTEL_METRIC_EXPORT_INTERVAL": "3600000",  # the SDK's reader, else once a minute
    "PYTHONHASHSEED": "0",
}
TIMEOUT_S = 900


def is_available() -> bool:
    """Whether valgrind is there."""
    return shutil.which("valgrind") is not None


def mark() -> None:
    """End one count and begin the next, if this process runs under `count`."""
    os.getpriority(os.PRIO_PROCESS, 0)


def count(command: Sequence[str], *, cwd: Path, folder: Path) -> list[int]:
    """Run a command and return the instructions of all its threads: before its first mark, up to its second, and so on.

    Args:
        command: A program and its arguments. It gets an environment that is always the same.
        cwd: Where it runs.
        folder: An empty folder, for what callgrind writes.

    Raises:
        RuntimeError: The command failed.
    """
    out = folder / "callgrind"
    options = ["--tool=callgrind", "--vgdb=no", f"--dump-before={_MARK}", f"--callgrind-out-file={out}"]
    done = subprocess.run(
        ["valgrind", *options, *command],
        cwd=cwd,
        env=_environment(os.environ, cwd),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed under valgrind: {done.stderr[-4000:]}")
    return read_totals(folder.glob(f"{out.name}.*"))


def read_totals(dumps: Iterable[Path]) -> list[int]:
    """Return the totals of callgrind's dumps, which end in their number, in order.

    Raises:
        ValueError: A dump has no totals.
    """
    return [_total(dump) for dump in sorted(dumps, key=lambda dump: int(dump.suffix[1:]))]


def _total(dump: Path) -> int:
    totals = _TOTALS.search(dump.read_text(errors="replace"))
    if totals is None:
        raise ValueError(f"{dump} has no line `totals: NUMBER`; it is no dump of callgrind's, or cut off")
    return int(totals[1])


def _environment(environ: Mapping[str, str], root: Path) -> dict[str, str]:
    return {
        **{name: environ[name] for name in _KEPT if name in environ},
        **_PINNED,
        "PYTHONPATH": str(root),
    }
