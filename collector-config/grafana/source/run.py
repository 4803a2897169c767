"""The dashboard of one run: is it learning, how far is it, what did it say."""

from board import Board, labels, new_board
from grafana_foundation_sdk.builders import common, logs, stat, table, timeseries, xychart
from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable, Row
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, VariableOption, VariableSort
from grafana_foundation_sdk.models.xychart import SeriesMapping, XYShowMode
from look import (
    BAD,
    LEVELS,
    LIGHT,
    coloured,
    describe,
    fixed,
    graph,
    grid,
    lines,
    number,
    settings,
    thin,
    thresholds,
)
from queries import (
    LOGS,
    LOKI,
    PICKED,
    PROMETHEUS,
    RANK_ZERO,
    RUN,
    TEMPO,
    log_counts,
    log_lines,
    newest,
    not_done_again,
    over_time,
    rows,
    rows_over_time,
    seen,
    seen_by_name,
    spans,
)
from tables import columns, merge

OF_ITSELF = "iter|epoch|time_seconds|data_time_seconds|eta_seconds|memory_mebibytes"
"""What every record has; the rest is what the model logs."""
ATTEMPT = "attempt {{mmlog_run_attempt}}"
LOSS = "mmlog_train_loss"


def run_board() -> Board:
    """Return the dashboard."""
    text = "Loss and metrics of one training run against time and step, its log lines and its traces."
    board = new_board("run", "Training / Run", text).with_variable(_metric())
    for panel in _numbers():
        board.with_panel(panel.span(3).height(4))
    board.with_row(Row("Loss"))
    board.with_panel(_loss_by_time().span(12).height(10)).with_panel(_loss_by_step().span(12).height(10))
    board.with_row(Row("Validation"))
    board.with_panel(_validation().span(16).height(8)).with_panel(_validation_table().span(8).height(8))
    _speed(board.with_row(Row("Speed")))
    _words(board)
    board.with_row(Row("Every value that the run logs")).with_panel(_any_metric())
    return Board("run", board)


def _metric() -> QueryVariable:
    variable = (
        labels('{__name__=~"mmlog_(train|val|test)_.+"}', "", "__name__").name("metric").label("Values")
    )
    query = f'label_values({{__name__=~"mmlog_(train|val|test)_.+", {RANK_ZERO}}}, __name__)'
    return (
        variable.query(query)
        .regex(f"/^(?<value>mmlog_(?!(?:train|val|test)_(?:{OF_ITSELF})$)(?<text>.+))$/")
        .description("What the last row of the dashboard shows, a graph each.")
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _of_rank_zero(metric: str, title: str, text: str, unit: str) -> stat.Panel:
    query = over_time(f"max({newest(seen(metric, RANK_ZERO))})", title)
    return describe(number(), PROMETHEUS, title, text, unit).with_target(query)


def _numbers() -> list[stat.Panel]:
    last = "The newest value of rank 0; a finished run keeps its last."
    worst = f"max(count by (mmlog_run_attempt) ({seen(LOSS)} * 0 != 0)) or vector(0)"
    loss = _of_rank_zero(LOSS, "Loss", f"{last} NaN is not counted: see NaN ranks.", "none").decimals(4)
    broken = describe(
        number(), PROMETHEUS, "NaN ranks", "Most ranks at once whose loss was NaN or Inf.", "none"
    )
    return [
        _of_rank_zero("mmlog_train_epoch", "Epoch", last, "none"),
        _of_rank_zero("mmlog_train_iter", "Iteration", last, "locale"),
        loss.graph_mode(shapes.BigValueGraphMode.AREA),
        broken.with_target(over_time(worst, "NaN ranks"))
        .reduce_options(common.ReduceDataOptions().calcs(["max"]).values(values=False))
        .thresholds(thresholds((1, BAD))),
        _of_rank_zero("mmlog_train_lr", "Learning rate", last, "sci"),
        _of_rank_zero("mmlog_train_time_seconds", "Time a step", last, "s").decimals(3),
        _of_rank_zero("mmlog_train_eta_seconds", "Time left", f"{last} 0 at the end.", "s").decimals(0),
        describe(
            number(), PROMETHEUS, "Ranks", "Ranks that send records at the moment, or did last.", "locale"
        ).with_target(over_time(f"count(count by (rank) ({seen('mmlog_train_iter')}))", "ranks")),
    ]


def _loss_by_time() -> timeseries.Panel:
    loss, finite = seen(LOSS), f"({seen(LOSS)} < Inf > -Inf)"
    text = (
        "Mean over the ranks whose loss is a number, lowest and highest of them. Red: ranks with NaN or Inf."
    )
    panel = describe(graph(), PROMETHEUS, "Loss against time", text)
    panel.with_target(over_time(f"avg by (mmlog_run_attempt) ({finite})", f"mean, {ATTEMPT}"))
    panel.with_target(over_time(f"min by (mmlog_run_attempt) ({finite})", f"lowest, {ATTEMPT}", "B"))
    panel.with_target(over_time(f"max by (mmlog_run_attempt) ({finite})", f"highest, {ATTEMPT}", "C"))
    panel.with_target(over_time(seen(LOSS, PICKED), f"rank {{{{rank}}}}, {ATTEMPT}", "D"))
    panel.with_target(
        over_time(f"count by (mmlog_run_attempt) ({loss} * 0 != 0)", f"NaN ranks, {ATTEMPT}", "E")
    )
    points = settings(
        custom_drawStyle="points", custom_pointSize=9, custom_axisPlacement="right", min=0, decimals=0
    )
    return thin(thin(panel, "B", LIGHT), "C", LIGHT).override_by_query(
        "E", [fixed(BAD), *points, *settings(unit="locale")]
    )


def _loss_by_step() -> xychart.Panel:
    text = (
        "The same mean against the iteration of rank 0, joined by time. Steps that were done again are those of the "
        "later attempt."
    )
    names = columns(("mmlog_run_attempt", "attempt"), ("Value #A", "iteration"), ("Value #B", "loss"))
    by_attempt = {"fields": ["attempt"], "keepFields": False, "naming": {"asLabels": True}}
    panel = describe(xychart.Panel(), PROMETHEUS, "Loss against step", text)
    mean = f"avg by (mmlog_run_attempt) ({seen(LOSS)} < Inf > -Inf)"
    panel.with_target(rows_over_time(not_done_again()))
    panel.with_target(rows_over_time(f"{mean} and on (mmlog_run_attempt) {not_done_again()}", "B"))
    panel.transformations(
        [merge(), names, DataTransformerConfig(id_val="partitionByValues", options=by_attempt)]
    )
    legend = common.VizLegendOptions().show_legend(show_legend=True).placement(shapes.LegendPlacement.BOTTOM)
    return (
        panel.mapping(SeriesMapping.AUTO)
        .series([])
        .show(XYShowMode.POINTS_AND_LINES)
        .point_size(xychart.XychartFieldConfigPointSize().fixed(4))
        .line_width(2)
        .legend(legend.display_mode(shapes.LegendDisplayMode.LIST))
        .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.SINGLE))
        .override_by_name("iteration", settings(unit="locale", custom_axisLabel="iteration"))
    )


def _validation_names(matchers: str) -> str:
    return f'__name__=~"mmlog_(val|test)_.+", __name__!~"mmlog_(val|test)_({OF_ITSELF})", {matchers}'


def _validation() -> timeseries.Panel:
    text = "What val and test loops report, mean over the ranks; a point a loop."
    series = seen_by_name(_validation_names(RUN), "mmlog_")
    query = over_time(f"avg by (metric, mmlog_run_attempt) ({series})", f"{{{{metric}}}}, {ATTEMPT}")
    panel = describe(graph(), PROMETHEUS, "Validation and test", text, "short").with_target(query)
    return panel.show_points(shapes.VisibilityMode.ALWAYS).point_size(7)


def _validation_table() -> table.Panel:
    series = f"{seen_by_name(_validation_names(RANK_ZERO), 'mmlog_')}[$__range:$__interval]"
    panel = describe(
        grid("Value", descending=False), PROMETHEUS, "Last and best", "Of rank 0, in each attempt.", "short"
    )
    for ref, function in zip("ABC", ("last", "max", "min"), strict=True):
        panel.with_target(rows(f"max by (metric, mmlog_run_attempt) ({function}_over_time({series}))", ref))
    shown = (
        ("metric", "Value"),
        ("mmlog_run_attempt", "Attempt"),
        ("Value #A", "Last"),
        ("Value #B", "Highest"),
        ("Value #C", "Lowest"),
    )
    return panel.transformations([merge(), columns(*shown)])


def _speed(board: Dashboard) -> None:
    rates = describe(graph(), PROMETHEUS, "Learning rates", "Of rank 0, one line a parameter group.", "sci")
    series = seen_by_name(f'__name__=~"mmlog_train_(.+_)?lr", {RANK_ZERO}', "mmlog_train_")
    rates.with_target(
        over_time(f"max by (metric, mmlog_run_attempt) ({series})", f"{{{{metric}}}}, {ATTEMPT}")
    )
    text = "Mean over the ranks of one step, and of the part of it that waits for data."
    steps = describe(graph(), PROMETHEUS, "Where a step's time goes", text, "s").min(0)
    for ref, metric, name in (("A", "time", "step"), ("B", "data_time", "waiting for data")):
        expression = f"avg by (mmlog_run_attempt) ({seen(f'mmlog_train_{metric}_seconds')})"
        steps.with_target(over_time(expression, f"{name}, {ATTEMPT}", ref))
    left = describe(graph(), PROMETHEUS, "Time left, over time", "As rank 0 estimates it.", "s").min(0)
    left.with_target(
        over_time(f"max by (mmlog_run_attempt) ({seen('mmlog_train_eta_seconds', RANK_ZERO)})", ATTEMPT)
    )
    for panel in (rates, steps, left):
        board.with_panel(panel.span(8).height(7))


def _words(board: Dashboard) -> None:
    spoken = f'{LOGS} | event_name!="mmlog.span.start"'
    picked = 'rank="0" or detected_level=~"warn|error|fatal|critical" or rank=~"$rank"'
    prefix = 'line_format `{{if ne .rank "0"}}[rank {{.rank}}] {{end}}{{__line__}}`'
    text = "Rank 0, the picked ranks, and every rank's warnings and errors. Open a line for its fields and its trace."
    written: logs.Panel = describe(lines(), LOKI, "Log", text)
    written.with_target(log_lines(f"{spoken} | {picked} | {prefix}"))
    counted = describe(graph(), LOKI, "Lines by level", "Of all ranks.", "short").min(0)
    counted.draw_style(shapes.GraphDrawStyle.BARS).fill_opacity(70).line_width(0)
    counted.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL))
    counted.with_target(
        log_counts(f"sum by (detected_level) (count_over_time({spoken} [$__auto]))", "{{detected_level}}")
    )
    traces = describe(
        grid("Start time"), TEMPO, "Traces", "One row a start of the run on a rank; a click opens the trace."
    )
    traces.with_target(spans('name = "mmlog.run"', "resource.rank, resource.mmlog.run.attempt, status"))
    board.with_row(Row("Words"))
    board.with_panel(written.span(24).height(12))
    board.with_panel(coloured(counted, LEVELS).span(12).height(6)).with_panel(traces.span(12).height(6))


def _any_metric() -> timeseries.Panel:
    text = "Mean over the ranks whose value is a number, the lowest and the highest."
    finite = f"({seen('$metric')} < Inf > -Inf)"
    panel = describe(graph(), PROMETHEUS, "${metric:text}", text, "short")
    panel.with_target(over_time(f"avg by (mmlog_run_attempt) ({finite})", f"mean, {ATTEMPT}"))
    panel.with_target(over_time(f"min by (mmlog_run_attempt) ({finite})", f"lowest, {ATTEMPT}", "B"))
    panel.with_target(over_time(f"max by (mmlog_run_attempt) ({finite})", f"highest, {ATTEMPT}", "C"))
    panel.with_target(over_time(seen("$metric", PICKED), f"rank {{{{rank}}}}, {ATTEMPT}", "D"))
    panel = thin(thin(panel, "B", LIGHT), "C", LIGHT)
    return panel.repeat("metric").repeat_direction("h").max_per_row(4).span(6).height(7)
