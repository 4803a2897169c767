"""What a user may say about the run of a ``Runner``, beside what the ``Runner`` says itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from otel_mmlog.core.checks import check_choice, check_count, check_flag
from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.statistics import nearest
from otel_mmlog.options import RANKS, Ranks
from otel_mmlog.pipeline.rank_files import LAYOUTS, Layout


@dataclass(frozen=True, slots=True)
class RunnerOptions:
    """The arguments of `MMEngineInstrumentor.instrument`, which explains them."""

    distributed: bool = False
    layout: Layout = "auto"
    ranks: Ranks = "all"
    flat_history: bool = False
    trace_ranks: int = 64
    processors: Sequence[Callable[..., Any]] = ()
    system_metrics: bool = False


def check_runner_options(values: dict[str, Any]) -> RunnerOptions:
    """Check the options.

    Raises:
        ConfigError: There is no such option, or its value cannot be used.
    """
    names = [field.name for field in fields(RunnerOptions)]
    for name in values:
        if name not in names:
            close = nearest(name, names, limit=1)
            hint = f" (is {close[0]!r} meant?)" if close else ""
            raise ConfigError(f"there is no option {name!r}{hint}: there are {', '.join(map(repr, names))}")
    for name in ("distributed", "flat_history", "system_metrics"):
        check_flag(values.get(name, False), name)
    check_choice(values.get("layout", "auto"), "layout", LAYOUTS)
    check_choice(values.get("ranks", "all"), "ranks", RANKS)
    check_count(values.get("trace_ranks", 64), "trace_ranks")
    return RunnerOptions(**values)
