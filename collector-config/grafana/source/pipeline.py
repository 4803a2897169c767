"""The dashboard of the way from the ranks to the stores: does everything arrive, and how late."""

from board import Board, new_board
from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from look import (
    BAD,
    BLUE,
    LIGHT,
    PURPLE,
    SIGNALS,
    WARN,
    bars,
    coloured,
    describe,
    graph,
    grid,
    limit_line,
    number,
    thin,
    thresholds,
)
from queries import PICKED, PROMETHEUS, RUN, at_the_end, last, over_time, rows, seen, seen_by_name
from tables import columns, merge

PRODUCED, DELIVERED = "mmlog_journal_produced_total", "mmlog_delivery_delivered_total"
LAG, BACKLOG, SIZE = "mmlog_delivery_lag_seconds", "mmlog_delivery_backlog_bytes", "mmlog_journal_size_bytes"
LOSSES = {
    "Refused": (
        "mmlog_journal_refused_total",
        "Not taken by a full journal: debug logs first, scalars last.",
    ),
    "Rejected": ("mmlog_delivery_rejected_total", "Taken by the endpoint and refused there, point by point."),
    "Quarantined": (
        "mmlog_delivery_quarantined_total",
        "Refused by the endpoint for good; kept on the rank's disk.",
    ),
    "Faults": (
        "mmlog_journal_faults_total",
        "Values that were cut or replaced, and faults of the pipeline itself.",
    ),
}
LATE_S = 60
"""From this lag on the alert speaks."""
COLLECTORS = 'service_name=~"mmlog-(collector|agent|gateway)"'
COLLECTOR = "{{service_name}} {{instance}}"


def pipeline_board() -> Board:
    """Return the dashboard."""
    text = "From the ranks' journals through senders and Collectors to the stores: counts, delays, and what was lost."
    board = new_board("pipeline", "Training / Health of the pipeline", text)
    for panel in _numbers():
        board.with_panel(panel.span(3).height(4))
    board.with_row(Row("Journals and senders"))
    for graph_panel in (_counts(), _waiting(), _lag(), _sizes()):
        board.with_panel(graph_panel.span(12).height(8))
    board.with_panel(_lost().span(12).height(8)).with_panel(_furthest_behind().span(12).height(8))
    _collectors(board.with_row(Row("Collectors")))
    return Board("pipeline", board)


def _total(metric: str) -> str:
    return f"sum({last(metric)})"


def _numbers() -> list[stat.Panel]:
    made = describe(number(), PROMETHEUS, "Produced", "Points, log records and spans of all ranks.", "locale")
    sent = describe(
        number(), PROMETHEUS, "Delivered", "Of these, acknowledged by the first hop.", "percentunit"
    )
    lag = describe(
        number(), PROMETHEUS, "Largest delay", "The age of the oldest thing not yet acknowledged.", "s"
    )
    disk = describe(number(), PROMETHEUS, "Journals", "What all ranks' journals take on disk.", "bytes")
    share = f"clamp_max({_total(DELIVERED)} / {_total(PRODUCED)}, 1)"
    bad = [
        describe(number(), PROMETHEUS, name, text, "locale")
        .with_target(at_the_end(f"{_total(metric)} or vector(0)", name))
        .thresholds(thresholds((1, WARN if name == "Faults" else BAD)))
        for name, (metric, text) in LOSSES.items()
    ]
    return [
        made.with_target(at_the_end(_total(PRODUCED), "produced")),
        sent.with_target(at_the_end(share, "delivered")).decimals(1),
        lag.with_target(over_time(f"max({seen(LAG)})", "delay")).thresholds(
            thresholds((10, WARN), (LATE_S, BAD))
        ),
        disk.with_target(over_time(f"sum({seen(SIZE)})", "journals")),
        *bad,
    ]


def _counts() -> timeseries.Panel:
    text = "Since the attempt began, all ranks. The dashed line is what the first hop has acknowledged."
    panel = describe(graph(), PROMETHEUS, "Produced and delivered", text, "short").min(0)
    panel.with_target(over_time(f"sum by (signal) ({seen(PRODUCED)})", "{{signal}} produced"))
    panel.with_target(over_time(f"sum by (signal) ({seen(DELIVERED)})", "{{signal}} delivered", "B"))
    return coloured(thin(panel, "B", "text"), SIGNALS)


def _waiting() -> timeseries.Panel:
    text = "Bytes in the journals that are not acknowledged: of all ranks, and of the rank with most."
    panel = describe(graph(), PROMETHEUS, "Waiting", text, "bytes").min(0)
    panel.with_target(over_time(f"sum({seen(BACKLOG)})", "all ranks"))
    panel.with_target(over_time(f"max({seen(BACKLOG)})", "most of one rank", "B"))
    return coloured(panel, {"all ranks": BLUE, "most of one": WARN})


def _lag() -> timeseries.Panel:
    text = (
        f"Age of the oldest thing that is not acknowledged. From {LATE_S} s on (dashed) run and alert warn."
    )
    panel = describe(graph(), PROMETHEUS, "Delay", text, "s").min(0)
    panel.with_target(over_time(f"max({seen(LAG)})", "latest rank"))
    panel.with_target(over_time(f"quantile(0.5, {seen(LAG)})", "median", "B"))
    panel.with_target(over_time(seen(LAG, PICKED), "rank {{rank}}, attempt {{mmlog_run_attempt}}", "C"))
    return limit_line(coloured(panel, {"latest": WARN, "median": BLUE}), LATE_S)


def _sizes() -> timeseries.Panel:
    text = "A rank's journal has a cap (1 GiB; 256 MiB without endpoint): from half of it on debug logs are refused."
    panel = describe(graph(), PROMETHEUS, "Journals on disk", text, "bytes").min(0)
    panel.with_target(over_time(f"max({seen(SIZE)})", "largest of one rank"))
    panel.with_target(over_time(f"quantile(0.5, {seen(SIZE)})", "median", "B"))
    panel.with_target(over_time(seen(SIZE, PICKED), "rank {{rank}}, attempt {{mmlog_run_attempt}}", "C"))
    return coloured(panel, {"largest": PURPLE, "median": LIGHT})


def _lost() -> table.Panel:
    text = (
        "By signal, all ranks and attempts. Produced is the sum of all other columns: nothing is lost unseen. Only "
        "what a killed attempt produced and could not tell is missing from it."
    )
    panel = describe(grid("Signal", descending=False), PROMETHEUS, "Where everything went", text, "locale")
    produced = f"sum by (signal) ({last(PRODUCED)})"
    lost = {name: metric for name, (metric, _) in LOSSES.items() if name != "Faults"}
    parts = [
        f"(sum by (signal) ({last(metric)}) or {produced} * 0)" for metric in (DELIVERED, *lost.values())
    ]
    columns_shown = {"Produced": produced, "Waiting": f"clamp_min({' - '.join([produced, *parts])}, 0)"}
    columns_shown |= dict(zip(("Delivered", *lost), parts, strict=True))
    shown = [("signal", "Signal")]
    for ref, (name, expression) in zip("ABCDEF", columns_shown.items(), strict=True):
        panel.with_target(rows(expression, ref))
        shown.append((f"Value #{ref}", name))
    return panel.transformations([merge(), columns(*shown)])


def _furthest_behind() -> bargauge.Panel:
    panel = describe(
        bars(), PROMETHEUS, "Furthest behind", "The five ranks with the largest delay in the range.", "s"
    )
    expression = f"topk(5, max by (rank, host_name) (max_over_time({LAG}{{{RUN}}}[$__range])))"
    return panel.with_target(at_the_end(expression, "rank {{rank}}, {{host_name}}"))


def _collectors(board: Dashboard) -> None:
    """Add what the Collectors say of themselves: of all that send to this Prometheus, not of one run."""
    board.with_panel(_queues().span(12).height(8)).with_panel(_through().span(12).height(8))
    board.with_panel(_refusals().span(12).height(8)).with_panel(_machines().span(12).height(8))


def _queues() -> timeseries.Panel:
    text = "How full each exporter's queue is. A full one loses nothing yet: the senders' journals keep what comes."
    panel = describe(graph(), PROMETHEUS, "Queues", text, "percentunit").min(0).axis_soft_max(0.1)
    size = seen("otelcol_exporter_queue_size", COLLECTORS)
    capacity = seen("otelcol_exporter_queue_capacity", COLLECTORS)
    panel.with_target(over_time(f"{size} / {capacity}", f"{COLLECTOR} {{{{exporter}}}} {{{{data_type}}}}"))
    return limit_line(panel, 0.8)


def _through() -> timeseries.Panel:
    text = "What the Collectors' exporters have handed on since they started."
    panel = describe(graph(), PROMETHEUS, "Handed on", text, "short").min(0)
    kinds = (("A", "metric_points", "metrics"), ("B", "log_records", "logs"), ("C", "spans", "traces"))
    for ref, kind, name in kinds:
        sent = seen(f"otelcol_exporter_sent_{kind}_total", COLLECTORS)
        panel.with_target(over_time(f"sum by (service_name, instance) ({sent})", f"{COLLECTOR} {name}", ref))
    return coloured(panel, SIGNALS)


def _refusals() -> timeseries.Panel:
    text = "Refused: senders keep it and come back. Failed: given up, lost. 0 is what you want to see."
    panel = describe(graph(), PROMETHEUS, "Refused and failed", text, "short").min(0)
    kinds = ("receiver_refused", "exporter_send_failed", "exporter_enqueue_failed")
    for ref, kind in zip("ABC", kinds, strict=True):
        names = f'__name__=~"otelcol_{kind}_(metric_points|log_records|spans)_total", {COLLECTORS}'
        name = kind.split("_", 1)[1].replace("_", " ")
        total = f"sum(max by (metric, service_name, instance) ({seen_by_name(names, 'otelcol_')}))"
        panel.with_target(over_time(f"{total} or vector(0)", name, ref))
    return coloured(panel, {"refused": WARN, "send failed": BAD, "enqueue failed": PURPLE})


def _machines() -> timeseries.Panel:
    text = "Memory of each Collector; the memory limiter refuses before the system ends it."
    panel = describe(graph(), PROMETHEUS, "Memory of the Collectors", text, "bytes").min(0)
    memory = seen("otelcol_process_memory_rss_bytes", COLLECTORS)
    return panel.with_target(over_time(f"max by (service_name, instance) ({memory})", COLLECTOR))
