"""What the four dashboards share: their variables, links, annotations, and how they are written down."""

import json
from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from layout import all_panels
from look import BAD, BLUE, WARN
from queries import PROMETHEUS, RANK_ZERO, RUN, seen

TAG = "otel-mmlog"
NO_RANK = "none"
"""What "All" stands for in the variable `rank`: a text that no rank's label is."""


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard and the file it is in.

    Attributes:
        name: Of the file, without its suffix.
        builder: The dashboard.
    """

    name: str
    builder: build.Dashboard

    def text(self) -> str:
        """Return the JSON that Grafana loads."""
        dashboard = self.builder.build()
        for number, panel in enumerate(all_panels(dashboard), start=1):
            panel.id_val = number
        return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"

    def path(self, folder: Path) -> Path:
        """Return where the JSON is, or has to be."""
        return folder / f"{self.name}.json"


def new_board(name: str, title: str, description: str) -> build.Dashboard:
    """Begin a dashboard, with what each of the four has.

    Args:
        name: Of its file, and the end of its uid.
        title: In Grafana's lists.
        description: Of its purpose, in a sentence or two.
    """
    board = (
        build.Dashboard(title)
        .uid(f"mmlog-{name}")
        .description(description)
        .tags([TAG])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .editable()
        .link(
            build.DashboardLink("Dashboards")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(as_dropdown=False)
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
    )
    for variable in (_experiment(), _run(), _attempt(), _rank(), *_stores()):
        board = board.with_variable(variable)
    return board.annotation(_epochs()).annotation(_not_finite()).annotation(_alerts())


def labels(name: str, matchers: str, label: str) -> build.QueryVariable:
    """A variable whose values are those of a label."""
    query = f"label_values({name}{{{matchers}}}, {label})"
    variable = build.QueryVariable(label).datasource(PROMETHEUS).query(query)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)


def _experiment() -> build.QueryVariable:
    variable = labels("mmlog_train_iter", 'rank="0"', "service_name").name("experiment").label("Experiment")
    return variable.description("What OTEL_SERVICE_NAME or the experiment says.").sort(
        VariableSort.ALPHABETICAL_ASC
    )


def _run() -> build.QueryVariable:
    matchers = 'service_name="$experiment", rank="0"'
    variable = labels("mmlog_train_iter", matchers, "mmlog_run_id").name("run").label("Run")
    text = "One training job, all its ranks and restarts. Those of the chosen time range are listed."
    return variable.description(text).sort(VariableSort.ALPHABETICAL_DESC)


def _attempt() -> build.QueryVariable:
    matchers = 'service_name="$experiment", mmlog_run_id="$run", rank="0"'
    variable = labels("mmlog_train_iter", matchers, "mmlog_run_attempt").name("attempt").label("Attempt")
    return (
        variable.description("0 is the first start of the run, 1 the first resume or restart.")
        .sort(VariableSort.NUMERICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _rank() -> build.QueryVariable:
    variable = labels("mmlog_train_iter", RUN, "rank").name("rank").label("Rank")
    text = "All: minimum, mean and maximum over the ranks. Picked ranks get lines of their own beside these."
    return (
        variable.description(text)
        .sort(VariableSort.NUMERICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(NO_RANK)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _stores() -> list[build.DatasourceVariable]:
    stores = (("prometheus", "Metrics"), ("loki", "Logs"), ("tempo", "Traces"))
    return [
        build.DatasourceVariable(kind)
        .type(kind)
        .label(label)
        .current(VariableOption(selected=True, text=f"mmlog-{kind}", value=f"mmlog-{kind}"))
        for kind, label in stores
    ]


def _annotation(name: str, expression: str, color: str, text: str) -> "_Annotation":
    shape = AnnotationQuery(name=name, datasource=PROMETHEUS, enable=True, icon_color=color, expr=expression)
    return _Annotation(shape, text)


def _epochs() -> "_Annotation":
    return _annotation(
        "Epochs", f"changes(mmlog_train_epoch{{{RANK_ZERO}}}[$__interval]) > 0", BLUE, "a new epoch"
    )


def _not_finite() -> "_Annotation":
    expression = f"count({seen('mmlog_train_loss')} * 0 != 0) > 0"  # 0 * NaN and 0 * Inf are NaN
    return _annotation("NaN or Inf", expression, BAD, "loss is NaN or Inf")


def _alerts() -> "_Annotation":
    alerts = 'ALERTS{alertstate="firing", mmlog_run_id="$run"}'
    return _annotation("Alerts", f"count by (alertname) ({alerts}) > 0", WARN, "{{alertname}}")


class _Annotation(Builder[AnnotationQuery]):
    """An annotation from Prometheus, with the settings of that data source, which the library does not know."""

    def __init__(self, shape: AnnotationQuery, text: str) -> None:
        self._shape = _WithText(**vars(shape))
        self._shape.text = text

    def build(self) -> AnnotationQuery:
        """Return the annotation."""
        return self._shape


class _WithText(AnnotationQuery):
    text = ""

    def to_json(self) -> dict[str, object]:
        """Return what Grafana reads."""
        return {**super().to_json(), "step": "15s", "titleFormat": self.name, "textFormat": self.text}
