"""How panels look: one palette, one legend, one table, so that four dashboards read as one."""

from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    logs,
    stat,
    table,
    timeseries,
    xychart,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode

GOOD, WARN, BAD = "green", "orange", "red"
BLUE, LIGHT, PURPLE, GREY = "blue", "super-light-blue", "purple", "#8e8e8e"
SIGNALS = {"metrics": BLUE, "logs": GOOD, "traces": PURPLE}
LEVELS = {"debug": GREY, "info": GOOD, "warn": WARN, "error": BAD, "fatal|critical": "dark-red"}

Panel = TypeVar(
    "Panel",
    timeseries.Panel,
    stat.Panel,
    table.Panel,
    bargauge.Panel,
    heatmap.Panel,
    logs.Panel,
    xychart.Panel,
)


def describe(panel: Panel, source: DataSourceRef, title: str, description: str, unit: str = "none") -> Panel:
    """Give a panel what each must have."""
    return panel.datasource(source).title(title).description(description).unit(unit)


def thresholds(*steps: tuple[float, str], base: str = GOOD) -> dashboard.ThresholdsConfig:
    """Colours from values on, beginning with one for all that are lower."""
    levels = [Threshold(value=None, color=base), *(Threshold(value=at, color=color) for at, color in steps)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(levels)


def not_a_number() -> list[SpecialValueMap]:
    """NaN as a red word, where a number would be."""
    result = ValueMappingResult(text="NaN", color=BAD)
    match = SpecialValueMatch.NA_N
    return [SpecialValueMap(DashboardSpecialValueMapOptions(match=match, result=result))]


def fixed(color: str) -> DynamicConfigValue:
    """One colour, for an override."""
    return DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})


def settings(**values: object) -> list[DynamicConfigValue]:
    """Settings of a field, for an override: ``unit="s"``; those of the kind of panel begin with ``custom_``."""
    return [DynamicConfigValue(name.replace("custom_", "custom."), value) for name, value in values.items()]


def graph() -> timeseries.Panel:
    """Lines over time; a gap is bridged, since values come as often as they are logged."""
    legend = common.VizLegendOptions().show_legend(show_legend=True).placement(shapes.LegendPlacement.BOTTOM)
    tooltip = (
        common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)
    )
    return (
        timeseries.Panel()
        .legend(legend.display_mode(shapes.LegendDisplayMode.LIST))
        .tooltip(tooltip)
        .line_width(2)
        .fill_opacity(4)
        .gradient_mode(shapes.GraphGradientMode.OPACITY)
        .show_points(shapes.VisibilityMode.AUTO)
        .point_size(4)
        .span_nulls(span_nulls=True)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    )


def thin(panel: timeseries.Panel, ref: str, color: str) -> timeseries.Panel:
    """Draw the lines of one query thin, dashed and in one colour: they are the frame, not the picture."""
    style = {"fill": "dash", "dash": [4, 4]}
    drawn = settings(
        custom_lineWidth=1, custom_lineStyle=style, custom_fillOpacity=0, custom_showPoints="never"
    )
    return panel.override_by_query(ref, [fixed(color), *drawn])


def coloured(panel: timeseries.Panel, colors: dict[str, str]) -> timeseries.Panel:
    """Give lines whose name has a word in it a colour."""
    for word, color in colors.items():
        panel = panel.override_by_regexp(f"/{word}/", [fixed(color)])
    return panel


def limit_line(panel: timeseries.Panel, at: float) -> timeseries.Panel:
    """Draw a dashed red line where the alert is."""
    style = common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(thresholds((at, BAD), base="transparent")).thresholds_style(style)


def number() -> stat.Panel:
    """One large number: the last that there was, so that a finished run still shows it."""
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))
        .graph_mode(shapes.BigValueGraphMode.NONE)
        .color_mode(shapes.BigValueColorMode.VALUE)
        .text_mode(shapes.BigValueTextMode.VALUE)
        .justify_mode(shapes.BigValueJustifyMode.CENTER)
        .thresholds(thresholds(base="text"))
        .mappings([*not_a_number()])
        .no_value("-")
    )


def bars() -> bargauge.Panel:
    """One horizontal bar a series, the longest first."""
    return (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))
        .orientation(shapes.VizOrientation.HORIZONTAL)
        .display_mode(shapes.BarGaugeDisplayMode.GRADIENT)
        .value_mode(shapes.BarGaugeValueMode.TEXT)
        .min(0)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.CONTINUOUS_BL_PU))
        .no_value("-")
    )


def heat(unit: str) -> heatmap.Panel:
    """Ranks from top to bottom, time from left to right, the value as colour."""
    color = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Turbo").steps(64)
    axis = heatmap.YAxisConfig().axis_placement(shapes.AxisPlacement.LEFT).reverse(reverse=True)
    return (
        heatmap.Panel()
        .calculate(calculate=False)
        .color(color.exponent(0.5))
        .y_axis(axis.unit("none").axis_label("rank"))
        .cell_values(heatmap.CellValues().unit(unit))
        .rows_frame(heatmap.RowsHeatmapOptions().layout(shapes.HeatmapCellLayout.AUTO))
        .cell_gap(0)
        .show_legend()
        .mode(shapes.TooltipDisplayMode.SINGLE)
    )


def grid(sort_by: str, *, descending: bool = True) -> table.Panel:
    """A table, sorted by one of its columns."""
    order = [shapes.TableSortByFieldState(display_name=sort_by, desc=descending)]
    return (
        table.Panel()
        .show_header(show_header=True)
        .cell_height(shapes.TableCellHeight.SM)
        .sort_by([_As(each) for each in order])
        .thresholds(thresholds(base="text"))
        .mappings([*not_a_number()])
        .no_value("-")
    )


def lines() -> logs.Panel:
    """Log lines, newest first; a click on one shows its fields and the way to its trace."""
    return (
        logs.Panel()
        .show_time(show_time=True)
        .show_labels(show_labels=False)
        .wrap_log_message(wrap_log_message=True)
        .enable_log_details(enable_log_details=True)
        .sort_order(shapes.LogsSortOrder.DESCENDING)
        .dedup_strategy(shapes.LogsDedupStrategy.NONE)
    )


class _As(Builder[shapes.TableSortByFieldState]):
    """A finished value where the library asks for its builder."""

    def __init__(self, value: shapes.TableSortByFieldState) -> None:
        self._value = value

    def build(self) -> shapes.TableSortByFieldState:
        """Return the value."""
        return self._value
