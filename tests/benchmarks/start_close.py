"""What building a run and ending it cost in a process that has imported everything."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import otel_mmlog
from tests.benchmarks import theirs
from tests.benchmarks.full_path import INTERVAL
from tests.benchmarks.harness import Contestant, race
from tests.benchmarks.scalars import EIGHT, keys
from tests.benchmarks.table import Row, Target, compare

NAME = "start_close"
_BY_KEY = dict(zip(keys(EIGHT), EIGHT.values(), strict=True))
_CLOSE_MS = 300.0


class OurStart:
    """``init``, in a folder of its own; what the last one opened is closed before the next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()

    def prepare(self) -> None:
        self._open.close()

    def run(self) -> int:
        self._open.callback(_our_run(self._folder).close)
        return 1


class TheirStart:
    """Hub, log processor, logger, JSON backend and hooks of mmengine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()

    def prepare(self) -> None:
        self._open.close()

    def run(self) -> int:
        self._open.callback(_their_training(self._folder).close)
        return 1


class OurClose:
    """``close`` of a run that has logged, the sync to disk included."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        self._run = _our_run(self._folder)
        for _ in self._run.train(range(INTERVAL)):
            self._run.log(EIGHT)

    def run(self) -> int:
        self._run.close()
        return 1


class TheirClose:
    """Closing mmengine's files, which syncs nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self) -> None:
        self._training = _their_training(self._folder)
        for _ in range(INTERVAL):
            self._training.step(_BY_KEY)

    def run(self) -> int:
        self._training.close()
        return 1


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    repeats = 1 if quick else 15
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        starts: dict[str, Contestant] = {"ours": OurStart(path), "theirs": TheirStart(path)}
        start_costs = race(starts, repeats)
        for start in starts.values():
            start.prepare()
        close_costs = race({"ours": OurClose(path), "theirs": TheirClose(path)}, repeats)
    yield compare(
        NAME,
        "build a run, imports done",
        (start_costs["ours"], start_costs["theirs"]),
        clock="wall",
        unit="ms",
    )
    yield compare(
        NAME,
        "close a run, synced",
        (close_costs["ours"], close_costs["theirs"]),
        clock="wall",
        unit="ms",
        target=Target("ours", _CLOSE_MS),
    )


def _our_run(folder: Path) -> otel_mmlog.Run:
    name = uuid.uuid4().hex
    return otel_mmlog.init(name, work_dir=folder / name, console=False)


def _their_training(folder: Path) -> theirs.Training:
    name = uuid.uuid4().hex
    work_dir = folder / name
    work_dir.mkdir()
    return theirs.Training(name, work_dir, INTERVAL)
