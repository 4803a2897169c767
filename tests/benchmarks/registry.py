"""What a get and a build of MMEngine's registry cost while a run is open, against bare mmengine at the same level.

At DEBUG mmengine itself writes a line of each to the console and its file. Ours adds span, line, JSON and log record; a
build gets its class, so that it has two of each.
"""

import io
import itertools
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
from tests.benchmarks.harness import Contestant, Cost, Spread, race
from tests.benchmarks.table import Row, Target, compare

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mmengine.logging import MMLogger
    from mmengine.model import BaseModel
    from mmengine.registry import Registry
    from mmengine.runner import Runner

NAME = "registry"
_THINGS = Registry("benchmarked thing", scope="mmengine")
_CONFIG = {"type": "Thing"}
ACTS: dict[str, Callable[[], object]] = {
    "get": lambda: _THINGS.get("Thing"),
    "build": lambda: _THINGS.build(_CONFIG),
}
_MOST_ADDED_US = {("get", "INFO"): 1.0, ("build", "INFO"): 1.0, ("build", "DEBUG"): 100.0}


@_THINGS.register_module()
class Thing:
    """Something that costs nothing to build."""


class Model(BaseModel):  # type: ignore[misc]  # mmengine has no types
    """A Runner has to have one."""

    def forward(self, inputs: Any) -> Any:
        return inputs


class Calls:
    """Calls of a registry behind a Runner.

    Args:
        act: One call.
        level: Of the Runner.
        folder: Of its files.
        count: Calls a run.
        ours: Whether the integration is on.
    """

    def __init__(
        self, act: Callable[[], object], level: str, folder: Path, *, count: int, ours: bool
    ) -> None:
        self._act = act
        self._level = level
        self._folder = folder
        self._count = count
        self._ours = ours

    def prepare(self) -> None:
        instrumentor = MMEngineInstrumentor()
        instrumentor.uninstrument()
        _close_logs()
        if self._ours:
            instrumentor.instrument()
        name = uuid.uuid4().hex
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._runner = Runner(
                Model(), str(self._folder / name), log_level=self._level, experiment_name=name
            )
        self._act()

    def run(self) -> int:
        for _ in range(self._count):
            self._act()
        return self._count


def rows(*, quick: bool) -> Iterator[Row]:
    """Yield the rows of this benchmark."""
    count, rounds = (20, 1) if quick else (1000, 7)
    for level, act in itertools.product(("INFO", "DEBUG"), ACTS):
        with tempfile.TemporaryDirectory() as folder:
            contestants: dict[str, Contestant] = {
                side: Calls(ACTS[act], level, Path(folder), count=count, ours=side == "ours")
                for side in ("ours", "bare")
            }
            costs = race(contestants, rounds)
            contestants["bare"].prepare()  # the integration is off again
            _close_logs()
        yield compare(
            NAME,
            f"a {act} at {level}",
            (costs["ours"], costs["bare"]),
            clock="cpu",
            unit="us",
            peer="mmengine",
        )
        yield _added(act, level, costs["ours"], costs["bare"])


def _added(act: str, level: str, ours: Sequence[Cost], bare: Sequence[Cost]) -> Row:
    """What we add to a call, round by round."""
    added_us = [(our.cpu_s - its.cpu_s) * 1e6 for our, its in zip(ours, bare, strict=True)]
    most = _MOST_ADDED_US.get((act, level))
    target = None if most is None else Target("ours", most)
    return Row(NAME, f"added to a {act} at {level}", "cpu", "us", Spread.of(added_us), target=target)


def _close_logs() -> None:
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            handler.close()
        logger.handlers.clear()
