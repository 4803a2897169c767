"""What is asked of Prometheus, Loki and Tempo: the pieces of which all panels' queries are made."""

from grafana_foundation_sdk.builders.loki import Dataquery as LokiQuery
from grafana_foundation_sdk.builders.prometheus import Dataquery as PrometheusQuery
from grafana_foundation_sdk.builders.tempo import TempoQuery
from grafana_foundation_sdk.models.dashboard import DataSourceRef
from grafana_foundation_sdk.models.loki import LokiQueryDirection
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode
from grafana_foundation_sdk.models.tempo import SearchTableType

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${prometheus}")
LOKI = DataSourceRef(type_val="loki", uid="${loki}")
TEMPO = DataSourceRef(type_val="tempo", uid="${tempo}")

RUN = 'service_name="$experiment", mmlog_run_id="$run", mmlog_run_attempt=~"$attempt"'
"""Label matchers of the chosen run."""
RANK_ZERO = f'{RUN}, rank="0"'
PICKED = f'{RUN}, rank=~"$rank"'
"""The picked ranks; none of them while "All" is chosen, which stands for the aggregates."""

LOGS = '{service_name="$experiment"} | mmlog_run_id="$run" | mmlog_run_attempt=~"$attempt"'
SPANS = 'resource.service.name = "$experiment" && resource.mmlog.run.id = "$run"'

ITER = "mmlog_train_iter"

STRAGGLER_RATIO = 1.2
"""A rank that takes this many times the median is a straggler, for the alert too."""


def seen(metric: str, matchers: str = RUN) -> str:
    """Return the values of a metric at each step of a graph, none of them lost.

    A plain selector loses what begins and ends between two steps: a short run in a long range.
    ``last_over_time`` alone loses what is logged less often than the steps are: ranks would come and go.
    """
    selector = f"{metric}{{{matchers}}}"
    return f"({selector} or last_over_time({selector}[$__interval]))"


def seen_by_name(matchers: str, prefix: str) -> str:
    """Return the same of all metrics that matchers fit, with the label ``metric``: their names without a prefix."""
    selector = f"{{{matchers}}}"
    named = 'label_replace({}, "metric", "$1", "__name__", "' + prefix + '(.+)")'
    return f"({named.format(selector)} or {named.format(f'last_over_time({selector}[$__interval])')})"


def last(metric: str, matchers: str = RUN) -> str:
    """Return the last value of each series in the whole range, also of a run that has ended."""
    return f"last_over_time({metric}{{{matchers}}}[$__range])"


def newest(values: str) -> str:
    """Return those values that are of the newest attempt.

    For five minutes the last values of an attempt that was killed are beside those of the one that goes on, which may
    have resumed from an earlier step.
    """
    attempts = as_buckets("mmlog_run_attempt", f"group by (mmlog_run_attempt) ({last(ITER, RANK_ZERO)})")
    return f"({values} and on (mmlog_run_attempt) topk(1, histogram_quantile(1, {attempts})))"


def not_done_again() -> str:
    """Return the iterations of rank 0 in each attempt, without those that a later attempt did again.

    A point counts only at the step of the graph in which it came: what a killed attempt logged last must not be found
    again when a later one has passed it.
    """
    iteration = f"last_over_time({ITER}{{{RANK_ZERO}}}[$__interval])"
    still_to_come = f"min(min_over_time({ITER}{{{RANK_ZERO}}}[$__range] offset -$__range))"
    done_again = f"{iteration} >= on () group_left () {still_to_come}"
    return f"max by (mmlog_run_attempt) ({iteration} unless {done_again})"


def as_buckets(label: str, series: str) -> str:
    """Return histograms of which a quantile of 1 is a label's value as a number: the bound of the one full bucket."""
    bounds = (("$1", label, "(.+)"), ("+Inf", "", ""))
    return " or ".join(
        f'label_replace({series}, "le", "{new}", "{old}", "{fits}")' for new, old, fits in bounds
    )


def ranks_in_rows(metric: str) -> str:
    """Return a metric by ``row``: below 100 ranks one each, below 1,000 tens (``12x``), else hundreds (``012xx``)."""
    shapes = (
        ("[0-9]{1,2}", "(..)", "$1"),
        ("[0-9]{3}", "(..).", "${1}x"),
        ("[0-9]{4,}", "(...)..", "${1}xx"),
    )
    rows = []
    for world_size, cut, name in shapes:
        ranks = seen(metric, f'{RUN}, world_size=~"{world_size}"')
        padded = f'label_replace({ranks}, "row", "0000$1", "rank", "(.*)")'
        rows.append(f'max by (row) (label_replace({padded}, "row", "{name}", "row", ".*{cut}"))')
    return " or ".join(rows)


def over_time(expression: str, legend: str, ref: str = "A") -> PrometheusQuery:
    """A query that gives graphs."""
    query = PrometheusQuery().datasource(PROMETHEUS).expr(expression).range()
    return query.legend_format(legend).ref_id(ref).editor_mode(QueryEditorMode.CODE)


def at_the_end(expression: str, legend: str, ref: str = "A") -> PrometheusQuery:
    """A query that gives one value a series, at the end of the range."""
    query = PrometheusQuery().datasource(PROMETHEUS).expr(expression).instant()
    return query.legend_format(legend).ref_id(ref).editor_mode(QueryEditorMode.CODE)


def rows(expression: str, ref: str = "A") -> PrometheusQuery:
    """A query that gives one row of a table a series, at the end of the range."""
    return at_the_end(expression, "", ref).format(PromQueryFormat.TABLE)


def rows_over_time(expression: str, ref: str = "A") -> PrometheusQuery:
    """A query that gives one row of a table a point."""
    return over_time(expression, "", ref).format(PromQueryFormat.TABLE)


def log_lines(expression: str) -> LokiQuery:
    """A query for the newest lines."""
    query = LokiQuery().datasource(LOKI).expr(expression).query_type("range").ref_id("A")
    return query.max_lines(1000).direction(LokiQueryDirection.BACKWARD)


def log_counts(expression: str, legend: str, *, at_the_end: bool = False, ref: str = "A") -> LokiQuery:
    """A query that counts lines, over time or once for the whole range."""
    query = LokiQuery().datasource(LOKI).expr(expression).legend_format(legend).ref_id(ref)
    return query.query_type("instant" if at_the_end else "range")


def spans(condition: str, fields: str = "", limit: int = 200) -> TempoQuery:
    """A query for spans of the run, one row each.

    Args:
        condition: TraceQL, beside that of the run.
        fields: Attributes to show, separated by commas.
        limit: How many rows at most.
    """
    select = f" | select({fields})" if fields else ""
    query = (
        TempoQuery().datasource(TEMPO).query_type("traceql").query(f"{{ {SPANS} && {condition} }}{select}")
    )
    return query.limit(limit).spss(limit).table_type(SearchTableType.SPANS).ref_id("A")
