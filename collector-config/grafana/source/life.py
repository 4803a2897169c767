"""The dashboard of a run's life: its spans from start to end, and at DEBUG what MMEngine's registries did."""

from board import Board, new_board
from grafana_foundation_sdk.builders import bargauge, logs, stat, table
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models import common as shapes
from look import BAD, WARN, bars, describe, grid, lines, number, settings, thresholds
from queries import (
    ITER,
    LOGS,
    LOKI,
    PROMETHEUS,
    RUN,
    TEMPO,
    at_the_end,
    last,
    log_counts,
    log_lines,
    rows,
    spans,
)
from tables import columns, merge, settings_of_a_run

BUILDS, GETS = "mmlog.registry.build", "mmlog.registry.get"
LIFE = "mmlog[.](run|train|val|test|epoch|checkpoint[.](save|load))"


def life_board() -> Board:
    """Return the dashboard."""
    text = "Attempts, epochs, checkpoints and exceptions of a run; registry lookups and builds where it logs at DEBUG."
    board = new_board("life", "Training / Registry and life of the run", text)
    for panel in _numbers():
        board.with_panel(panel.span(4).height(4))
    _life(board.with_row(Row("Life")))
    _registry(board.with_row(Row("Registry (runs at DEBUG)")))
    return Board("life", board)


def _events(name: str) -> str:
    return f'{LOGS} | event_name="{name}"'


def _count(title: str, text: str, query: str) -> stat.Panel:
    counted = f"sum(count_over_time({query} [$__range])) or vector(0)"
    panel = describe(number(), LOKI, title, text, "locale")
    return panel.with_target(log_counts(counted, title, at_the_end=True))


def _numbers() -> list[stat.Panel]:
    attempts = describe(number(), PROMETHEUS, "Starts", "Attempts of the run in the range.", "locale")
    attempts.with_target(at_the_end(f"count(group by (mmlog_run_attempt) ({last(ITER)}))", "attempts"))
    saves = f'{LOGS} | rank="0" |= `Saving checkpoint`'
    errors = f'{LOGS} | detected_level=~"error|fatal|critical" or event_name="mmlog.exception"'
    warnings = f'{LOGS} | detected_level="warn"'
    return [
        attempts.thresholds(thresholds((2, WARN), base="text")),
        _count("Checkpoints", "Saved by rank 0.", saves),
        _count("Warnings", "Of all ranks.", warnings).thresholds(thresholds((1, WARN))),
        _count("Errors", "Errors and exceptions of all ranks.", errors).thresholds(thresholds((1, BAD))),
        _count("Builds", "From a registry, all ranks.", _events(BUILDS)),
        _count("Lookups", "In a registry, all ranks.", _events(GETS)),
    ]


def _life(board: Dashboard) -> None:
    text = "Each start of the run: the iterations that it made, and its ranks."
    attempts = describe(grid("Attempt"), PROMETHEUS, "Attempts", text, "locale")
    attempts.with_target(rows(f"min by (mmlog_run_attempt) (min_over_time({ITER}{{{RUN}}}[$__range]))"))
    attempts.with_target(rows(f"max by (mmlog_run_attempt) (max_over_time({ITER}{{{RUN}}}[$__range]))", "B"))
    attempts.with_target(
        rows(f"count by (mmlog_run_attempt) (group by (mmlog_run_attempt, rank) ({last(ITER)}))", "C")
    )
    names = (("Value #A", "First record at"), ("Value #B", "Last record at"), ("Value #C", "Ranks"))
    attempts.transformations([merge(), columns(("mmlog_run_attempt", "Attempt"), *names)])
    board.with_panel(attempts.span(10).height(7)).with_panel(_configuration().span(14).height(7))
    text = "Run, loops, epochs and checkpoints of rank 0, the longest first. A click opens the trace."
    life = _spans_table("Spans of rank 0", text)
    fields = (
        "span.epoch, span.path, span.bytes, span.mmlog.span.synthesized, resource.mmlog.run.attempt, status"
    )
    life.with_target(spans(f'name =~ "{LIFE}" && resource.rank = 0', fields))
    text = "What rank 0 said beside its records, and warnings, errors and exceptions of all ranks."
    told: logs.Panel = describe(lines(), LOKI, "Milestones and trouble", text)
    trouble = 'detected_level=~"warn|error|fatal|critical" or event_name="mmlog.exception"'
    told.with_target(log_lines(f'{LOGS} | event_name="" and rank="0" or {trouble}'))
    board.with_panel(life.span(14).height(10)).with_panel(told.span(10).height(10))


def _configuration() -> table.Panel:
    text = "What each start of the run was given, a column each, the newest first."
    panel = describe(grid("Setting", descending=False), LOKI, "Configuration", text)
    panel.with_target(log_lines(f'{_events("mmlog.run.config")} | rank="0"'))
    return panel.transformations(settings_of_a_run())


def _spans_table(title: str, text: str) -> table.Panel:
    panel = describe(grid("Duration"), TEMPO, title, text)
    return panel.override_by_name("bytes", settings(unit="bytes"))


def _registry(board: Dashboard) -> None:
    text = "With what each builds in turn. A gateway lets them in with MMLOG_GATEWAY_REGISTRY=keep."
    slowest = _spans_table("Slowest builds", text)
    slowest.with_target(spans(f'name = "{BUILDS}"', "span.class, span.registry, span.module, resource.rank"))
    board.with_panel(slowest.span(24).height(9))
    for title, event, label in (
        ("Builds by registry", BUILDS, "registry"),
        ("Lookups by registry", GETS, "registry"),
        ("Lookups by scope", GETS, "scope"),
    ):
        board.with_panel(_bars(title, event, label).span(8).height(8))
    told: logs.Panel = describe(lines(), LOKI, "What the registries did", "In MMEngine's words, all ranks.")
    told.with_target(log_lines(f'{LOGS} | event_name=~"mmlog.registry.+"'))
    board.with_panel(told.span(24).height(10))


def _bars(title: str, event: str, label: str) -> bargauge.Panel:
    query = f"topk(12, sum by ({label}) (count_over_time({_events(event)} [$__range])))"
    panel = describe(bars(), LOKI, title, "All ranks, in the range.", "locale")
    return panel.with_target(log_counts(query, f"{{{{{label}}}}}", at_the_end=True)).name_placement(
        shapes.BarGaugeNamePlacement.LEFT
    )
