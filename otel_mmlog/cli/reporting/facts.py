"""All that a report is made of, read once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from otel_mmlog.cli.reporting.life import Life, life_of
from otel_mmlog.cli.reporting.messages import Messages, messages_of
from otel_mmlog.cli.reporting.pictures import Pictures, pictures_of
from otel_mmlog.cli.reporting.rank_times import RankTimes, rank_times
from otel_mmlog.cli.showing.alerts import alerts_of
from otel_mmlog.cli.showing.attempts import Attempt, attempts_of
from otel_mmlog.cli.showing.summary import Summary, Wanted, mmengine_summary, summary_of
from otel_mmlog.runs.config import flatten, read_config
from otel_mmlog.runs.find import Run
from otel_mmlog.runs.mmengine import MMEngineRun
from otel_mmlog.runs.python_config import read_python_config
from otel_mmlog.runs.sources import Source, find_sources
from otel_mmlog.runs.state import LOOK_BACK

STEPS = 6
"""How often `read_facts` says that it is further."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A run.

    Attributes:
        summary: What it is.
        alerts: What a person should look at.
        attempts: What became of each start; empty for a run of MMEngine's own.
        pictures: Of its scalars.
        life: What it did when.
        ranks: Their times; None for one rank.
        messages: Warnings and errors.
        config: Settings by dotted names, secrets masked.
        now_s: Unix time at which all this was so.
    """

    summary: Summary
    alerts: list[str]
    attempts: list[Attempt]
    pictures: Pictures
    life: Life
    ranks: RankTimes | None
    messages: Messages
    config: Mapping[str, Any]
    now_s: float


def read_facts(run: Run | MMEngineRun, wanted: Wanted, advance: Callable[[], None]) -> Facts:
    """Read a run.

    Args:
        run: The run.
        wanted: Which metric is asked for.
        advance: Called `STEPS` times.

    Raises:
        OSError: A file cannot be read.
    """

    def told(value: Any) -> Any:
        advance()
        return value

    summary = told(
        summary_of(run, wanted, LOOK_BACK) if isinstance(run, Run) else mmengine_summary(run, wanted)
    )
    source = source_of(run)
    return Facts(
        summary,
        alerts_of(summary.states, wanted.now_s),
        told(attempts_of(run, wanted.now_s)) if isinstance(run, Run) else told([]),
        told(pictures_of(source)),
        told(life_of(run, source, summary.last_s, wanted.file_mode)),
        told(rank_times(run)) if isinstance(run, Run) else told(None),
        told(messages_of(run)),
        read_config(run) if isinstance(run, Run) else _config_of(run),
        wanted.now_s,
    )


def source_of(run: Run | MMEngineRun) -> Source:
    """Return a run as pictures take it."""
    found = find_sources([run.work_dir if isinstance(run, Run) else run.path])
    mine = [each for each in found if each.run_id == run.run_id]
    return next((each for each in mine if each.work_dir.resolve() == run.work_dir.resolve()), mine[0])


def _config_of(run: MMEngineRun) -> dict[str, Any]:
    """The config that MMEngine has written."""
    return {} if run.config is None else flatten(read_python_config(run.config))
