"""Which run each runner has: it begins with the runner, and again where another runner's has ended it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.integrations.mmengine.line_taps import LineTaps
from otel_mmlog.integrations.mmengine.runner_facts import level_number

if TYPE_CHECKING:
    from otel_mmlog.integrations.mmengine.integration import Integration

_LINE = ("runner", "batch_idx", "mode")


class RunnerRuns:
    """Begins runs; one is open at a time.

    Args:
        integration: Knows the run that is open.

    Attributes:
        has_line: Whether a log processor has made a line since `end_line`: hooks of most steps need not ask more.
    """

    def __init__(self, integration: "Integration") -> None:
        self.has_line = False
        self._integration = integration
        self._levels: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self._ended_by_another: WeakSet[Any] = WeakSet()
        self._taps = LineTaps(self._note_line)

    def of(self, runner: Any) -> Any:
        """The open run if it is this runner's; None otherwise."""
        run = self._integration.current()
        return run if run is not None and run.is_of(runner) else None

    def end_idle(self) -> None:
        """End the run of a runner that is in no loop: another runner is about to be built."""
        run = self._integration.current()
        if run is not None and not run.loops.is_open:
            before = run.runner
            if before is not None:
                self._ended_by_another.add(before)
            self.guard(run.close)

    def begin(self, runner: Any, log_level: Any) -> None:
        """Start the run of a runner, unless it is open, and end the one before.

        Raises:
            ConfigError: The level or an environment variable cannot be used.
        """
        if self.of(runner) is not None:
            return
        try:
            self._begin(runner, log_level)
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - counted and told; training goes on without a run
            self._integration.note_fault("the start of a run", error)

    def in_loop(self, runner: Any) -> Any:
        """The run of a runner whose loop is about to run, or None.

        A runner that was built before the integration was turned on gets its run now; one whose run ended because
        another runner was built goes on with it, as the next attempt, once that other is in no loop.
        """
        run = self.of(runner)
        if run is None and self._may_begin(runner):
            self.guard(lambda: self._begin(runner, self._level_of(runner)))
            run = self.of(runner)
        return run

    def end_line(self, runner: Any) -> None:
        """Send the points of a line that a runner's hooks made and did not log."""
        run = self.of(runner)
        if run is not None:
            self.has_line = False
            run.send_unlogged()

    def guard(self, act: Callable[[], None]) -> None:
        """Do something of ours; what goes wrong in that is counted and told, and training goes on."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - counted and told
            self._integration.note_fault("the integration of MMEngine", error)

    def remove(self) -> None:
        """Leave the log processors as they were."""
        self._taps.remove()

    def _may_begin(self, runner: Any) -> bool:
        if runner in self._levels and runner not in self._ended_by_another:
            return False  # its run was closed for good
        current = self._integration.current()
        if current is not None:
            return not current.loops.is_open
        return not self._integration.has_foreign_run()

    def _level_of(self, runner: Any) -> Any:
        return self._levels.get(runner, runner.cfg.get("log_level", "INFO") if runner.cfg else "INFO")

    def _begin(self, runner: Any, log_level: Any) -> None:
        number = level_number(log_level)
        current = self._integration.current()
        before = None if current is None else current.runner
        self._levels[runner] = log_level
        self._integration.begin(runner, number)
        self._ended_by_another.discard(runner)
        if before is not None and before is not runner:
            self._ended_by_another.add(before)
        self._taps.attach(runner.log_processor)

    def _note_line(self, kind: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        self.guard(lambda: self._take_line(kind, args, kwargs, result))

    def _take_line(self, kind: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        given = dict(zip(_LINE, args, strict=False)) | kwargs
        run = self.in_loop(given["runner"])
        if run is None:
            return
        self.has_line = True
        tag, text = result
        run.note_line(given["runner"], given["batch_idx"], given["mode"], kind=kind, tag=tag, text=text)
