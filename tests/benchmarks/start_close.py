"""What building a run and ending it cost in a process that has imported everything."""

import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import otel_mmlog
from tests.benchmarks import theirs
from tests.benchmarks.delivery import variables
from tests.benchmarks.full_path import INTERVAL
from tests.benchmarks.harness import Contestant, race
from tests.benchmarks.receivers import fake, real_or_fake
from tests.benchmarks.scalars import EIGHT, keys
from tests.benchmarks.table import Row, Target, compare, figure

NAME = "start_close"
_BY_KEY = dict(zip(keys(EIGHT), EIGHT.values(), strict=True))
_LIVE_MS = 300.0
_DEAD_MS = 3000.0
_DEAD = "http://127.0.0.1:9"
_SILENT_S = 3600.0
_FIRST_TRY_S = 1.0  # its sender has started, and met nobody


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


class Close(OurClose):
    """``close`` of a run with an endpoint, once its sender is up.

    Args:
        folder: Of the runs.
        environ: Variables of the run.
        up: Whether something answers there.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], *, up: bool) -> None:
        super().__init__(folder)
        self._environ = environ
        self._up = up

    def prepare(self) -> None:
        with variables(self._environ):
            super().prepare()
        if self._up:
            self._run.flush(30)
            self._run.log(EIGHT)
            self._run.logger.info("to be delivered by close")
        else:
            time.sleep(_FIRST_TRY_S)


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
        collectors = list(_collectors(path, quick=quick))
    yield compare(
        NAME,
        "build a run, imports done",
        (start_costs["ours"], start_costs["theirs"]),
        clock="wall",
        unit="ms",
    )
    yield compare(
        NAME,
        "close a run, synced, no endpoint",
        (close_costs["ours"], close_costs["theirs"]),
        clock="wall",
        unit="ms",
        target=Target("ours", _LIVE_MS),
    )
    yield from collectors


def _collectors(folder: Path, *, quick: bool) -> Iterator[Row]:
    with real_or_fake(folder) as live, fake(delay_s=_SILENT_S) as silent:
        closes = [
            (f"live ({live.name})", Close(folder, _environ(live.http, quick=quick), up=True), 9, _LIVE_MS),
            ("dead", Close(folder, _environ(_DEAD, quick=quick), up=False), 3, _DEAD_MS),
            ("silent", Close(folder, _environ(silent.http, quick=quick), up=False), 2, _DEAD_MS),
        ]
        for name, close, repeats, most_ms in closes:
            costs = race({name: close}, 1 if quick else repeats)[name]
            yield figure(
                NAME,
                f"close a run, {name} collector",
                [cost.wall_s * 1e3 for cost in costs],
                clock="wall",
                unit="ms",
                target=Target("ours", most_ms),
            )


def _environ(endpoint: str, *, quick: bool) -> dict[str, str]:
    """Let no sender stay when its run is closed, and, where nobody looks at the figure, let it close sooner."""
    sooner = {"OTEL_MMLOG_CLOSE_TIMEOUT": "0.2"} if quick else {}
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_MMLOG_LINGER": "0", **sooner}


def _our_run(folder: Path) -> otel_mmlog.Run:
    name = uuid.uuid4().hex
    return otel_mmlog.init(name, work_dir=folder / name, console=False)


def _their_training(folder: Path) -> theirs.Training:
    name = uuid.uuid4().hex
    work_dir = folder / name
    work_dir.mkdir()
    return theirs.Training(name, work_dir, INTERVAL)
