"""The dashboard of a run's ranks: who is slow, who is behind, who is missing; at two ranks and at ten thousand."""

from board import Board, new_board
from grafana_foundation_sdk.builders import bargauge, heatmap, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models import common as shapes
from look import (
    BAD,
    BLUE,
    LIGHT,
    WARN,
    bars,
    describe,
    fixed,
    graph,
    grid,
    heat,
    limit_line,
    number,
    settings,
    thin,
    thresholds,
)
from queries import (
    ITER,
    PICKED,
    PROMETHEUS,
    RANK_ZERO,
    RUN,
    STRAGGLER_RATIO,
    as_buckets,
    at_the_end,
    last,
    newest,
    over_time,
    ranks_in_rows,
    rows,
    seen,
)
from tables import columns, merge

TIME, DATA_TIME = "mmlog_train_time_seconds", "mmlog_train_data_time_seconds"
MEMORY = "mmlog_train_memory_mebibytes"
BY_RANK = "rank, host_name"


def ranks_board() -> Board:
    """Return the dashboard."""
    text = "All ranks of one run beside each other. Aggregates by default; pick ranks to see their own lines."
    board = new_board("ranks", "Training / Ranks", text)
    for panel in _numbers():
        board.with_panel(panel.span(4).height(4))
    _measure(board, TIME, "Time a step", "s", "A whole step, as each rank logs it.")
    _stragglers(board)
    _measure(board, DATA_TIME, "Waiting for data", "s", "The part of a step that waits for the data loader.")
    board.with_row(Row("In step"))
    board.with_panel(_behind().span(12).height(8)).with_panel(_loss_spread().span(12).height(8))
    return Board("ranks", board.with_row(_memory()))


def _numbers() -> list[stat.Panel]:
    count = f"count by (world_size) (group by (rank, world_size) ({seen(ITER)}))"
    share = f"count(group by (rank) ({seen(ITER)})) / {_world_size()}"
    ratio = f"max({_mean_by_rank(TIME)}) / quantile(0.5, {_mean_by_rank(TIME)})"
    behind = f"max({newest(seen(ITER))}) - min({newest(seen(ITER))})"
    steps = thresholds((1.1, WARN), (STRAGGLER_RATIO, BAD))
    ranks = describe(
        number(), PROMETHEUS, "Ranks", "Ranks that sent records, of how many there are.", "locale"
    )
    ranks.with_target(over_time(count, "of {{world_size}}")).text_mode(shapes.BigValueTextMode.VALUE_AND_NAME)
    reporting = describe(
        number(), PROMETHEUS, "Reporting", "The same as a share; 100 % is all.", "percentunit"
    )
    hosts = describe(number(), PROMETHEUS, "Hosts", "Machines that the ranks are on.", "locale")
    slowest = describe(
        number(), PROMETHEUS, "Slowest rank", "Its steps against the median's, over the range.", "none"
    )
    apart = describe(
        number(), PROMETHEUS, "Iterations apart", "Between the first rank and the last, now.", "locale"
    )
    wasted = describe(
        number(), PROMETHEUS, "Waiting for data", "Share of the steps' time, all ranks.", "percentunit"
    )
    data = f"avg({seen(DATA_TIME)}) / avg({seen(TIME)})"
    return [
        ranks,
        reporting.decimals(0)
        .with_target(over_time(share, "reporting"))
        .thresholds(thresholds((1, "green"), base=BAD)),
        hosts.with_target(over_time(f"count(group by (host_name) ({seen(ITER)}))", "hosts")),
        slowest.decimals(2).with_target(at_the_end(ratio, "times the median")).thresholds(steps),
        apart.with_target(over_time(behind, "apart")),
        wasted.decimals(0)
        .with_target(over_time(data, "waiting"))
        .thresholds(thresholds((0.1, WARN), (0.3, BAD))),
    ]


def _world_size() -> str:
    buckets = as_buckets("world_size", f"group by (world_size) ({seen(ITER, RANK_ZERO)})")
    return f"scalar(histogram_quantile(1, sum by (le) ({buckets})))"


def _mean_by_rank(metric: str) -> str:
    return f"avg by ({BY_RANK}) (avg_over_time({metric}{{{RUN}}}[$__range]))"


def _measure(board: Dashboard, metric: str, title: str, unit: str, text: str) -> None:
    board.with_row(Row(title))
    board.with_panel(_spread(metric, title, unit, text).span(8).height(10))
    board.with_panel(_map(metric, title, unit, text).span(10).height(10))
    board.with_panel(_worst(metric, title, unit).span(6).height(10))


def _spread(metric: str, title: str, unit: str, text: str) -> timeseries.Panel:
    panel = describe(
        graph(), PROMETHEUS, f"{title}, spread", f"{text} Half of the ranks are below the median.", unit
    )
    parts = (("A", "quantile(0.5, {})", "median"), ("B", "max({})", "slowest"), ("C", "min({})", "fastest"))
    for ref, expression, name in parts:
        panel.with_target(over_time(expression.replace("{}", seen(metric)), name, ref))
    panel.with_target(over_time(seen(metric, PICKED), "rank {{rank}}, attempt {{mmlog_run_attempt}}", "D"))
    panel = thin(thin(panel, "B", WARN), "C", LIGHT).min(0)
    return panel.override_by_query("A", [fixed(BLUE)])


def _map(metric: str, title: str, unit: str, text: str) -> heatmap.Panel:
    rule = "A row a rank; from 100 ranks on a row is ten (12x), from 1,000 on a hundred (012xx): the worst of them."
    panel = describe(heat(unit), PROMETHEUS, f"{title}, by rank", f"{text} {rule}", unit)
    return panel.with_target(over_time(ranks_in_rows(metric), "{{row}}")).max_data_points(120)


def _worst(metric: str, title: str, unit: str) -> bargauge.Panel:
    panel = describe(
        bars(), PROMETHEUS, f"{title}, worst five", "Means over the range, the highest first.", unit
    )
    expression = f"topk(5, {_mean_by_rank(metric)})"
    return panel.with_target(at_the_end(expression, "rank {{rank}}, {{host_name}}"))


def _stragglers(board: Dashboard) -> None:
    board.with_panel(_straggler_table().span(14).height(9)).with_panel(_ratio().span(10).height(9))


def _straggler_table() -> table.Panel:
    times = _mean_by_rank(TIME)
    worst = f"topk(20, {times})"
    shown = (
        ("rank", "Rank"),
        ("host_name", "Host"),
        ("Value #A", "Step against median"),
        ("Value #B", "Step"),
        ("Value #C", "Waiting for data"),
        ("Value #D", "Iteration"),
    )
    text = "The twenty slowest ranks, means over the range. Red from 1.2 times the median on, as the alert."
    panel = describe(grid("Step against median"), PROMETHEUS, "Stragglers", text, "s")
    panel.with_target(rows(f"topk(20, {times} / scalar(quantile(0.5, {times})))"))
    panel.with_target(rows(worst, "B"))
    panel.with_target(rows(f"{_mean_by_rank(DATA_TIME)} and on ({BY_RANK}) {worst}", "C"))
    panel.with_target(rows(f"max by ({BY_RANK}) ({newest(last(ITER))}) and on ({BY_RANK}) {worst}", "D"))
    steps = {"mode": "absolute", "steps": [{"value": at, "color": color} for at, color in _steps()]}
    cell = {"type": "color-background", "mode": "gradient"}
    ratio = settings(unit="none", decimals=2, thresholds=steps, custom_cellOptions=cell)
    panel.override_by_name("Step against median", ratio).override_by_name(
        "Iteration", settings(unit="locale")
    )
    return panel.transformations([merge(), columns(*shown)]).decimals(4)


def _steps() -> list[tuple[float | None, str]]:
    return [(None, "transparent"), (1.1, WARN), (STRAGGLER_RATIO, BAD)]


def _ratio() -> timeseries.Panel:
    text = (
        "The slowest rank's step against the median's. All ranks wait for it. The dashed line is the alert's."
    )
    panel = describe(graph(), PROMETHEUS, "Slowest against median", text, "none").decimals(2)
    panel.with_target(over_time(f"max({seen(TIME)}) / quantile(0.5, {seen(TIME)})", "slowest / median"))
    return limit_line(panel, STRAGGLER_RATIO).axis_soft_min(1).axis_soft_max(1.3)


def _behind() -> timeseries.Panel:
    text = "Iteration of the first and the last rank: apart where one hangs or restarts."
    panel = describe(graph(), PROMETHEUS, "Iteration", text, "locale")
    panel.with_target(over_time(f"max({newest(seen(ITER))})", "first"))
    panel.with_target(over_time(f"min({newest(seen(ITER))})", "last", "B"))
    panel.with_target(over_time(seen(ITER, PICKED), "rank {{rank}}, attempt {{mmlog_run_attempt}}", "C"))
    return panel.override_by_query("A", [fixed(BLUE)]).override_by_query("B", [fixed(WARN)])


def _loss_spread() -> timeseries.Panel:
    text = "Each rank's loss is of its own data: a rank that leaves the band sees other data, or is broken."
    finite = f"({newest(seen('mmlog_train_loss'))} < Inf > -Inf)"
    panel = describe(graph(), PROMETHEUS, "Loss, spread", text)
    for ref, function, name in (("A", "avg", "mean"), ("B", "max", "highest"), ("C", "min", "lowest")):
        panel.with_target(over_time(f"{function}({finite})", name, ref))
    picked = seen("mmlog_train_loss", PICKED)
    panel.with_target(over_time(picked, "rank {{rank}}, attempt {{mmlog_run_attempt}}", "D"))
    return thin(thin(panel, "B", WARN), "C", LIGHT).override_by_query("A", [fixed(BLUE)])


def _memory() -> Row:
    text = "The most that the device's allocator held, as each rank logs it where there is a GPU."
    row = Row("Device memory (runs on GPUs)").collapsed(collapsed=True)
    row.with_panel(_spread(MEMORY, "Memory", "mbytes", text).span(8).height(10))
    row.with_panel(_map(MEMORY, "Memory", "mbytes", text).span(10).height(10))
    return row.with_panel(_worst(MEMORY, "Memory", "mbytes").span(6).height(10))
