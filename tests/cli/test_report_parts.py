"""What a report is made of: escaping, bars, the flame graph, the time axis."""

import math

import pytest

from otel_mmlog.cli.reporting.flame import flame, tree_of
from otel_mmlog.cli.reporting.gantt import Bar, gantt, timeline_of
from otel_mmlog.cli.reporting.html import Html, join, tag
from otel_mmlog.cli.reporting.sections import config_section
from otel_mmlog.cli.reporting.spans import Span
from otel_mmlog.cli.reporting.timeline import Timeline, nice_step_s


def test_text_becomes_html_only_by_name() -> None:
    """Text is escaped in content and attributes; only what is marked as HTML is not."""
    assert (
        tag("p", "<b>", Html("<i/>"), title='"><script>')
        == '<p title="&quot;&gt;&lt;script&gt;">&lt;b&gt;<i/></p>'
    )
    assert join("a<", None, 1234) == "a&lt;1,234"


def test_long_lists_are_cut() -> None:
    """Thousands of settings, bars and builds give a page of bounded size, and it says that."""
    settings = {f"key{number}": "x" * 10_000 for number in range(5000)}
    config = config_section(settings)
    assert len(config) < 300_000
    assert "4,600 more settings" in config
    bars = {0: [Bar("epochs", f"epoch {number}", number, number + 0.9) for number in range(20_000)]}
    assert len(gantt(bars, timeline_of(bars))) < 400_000
    spans = [
        Span("b", 0, 0, str(n), "", n, n + 1.0, is_failed=False, attributes={"class": str(n)})
        for n in range(5000)
    ]
    assert len(flame(tree_of(spans))) < 400_000


def test_builds_with_the_same_callers_are_one() -> None:
    """Builds are put together by class and by what built them; own time is without the builds inside."""

    def span(span_id: str, parent: str, name: str, start_s: float, end_s: float) -> Span:
        return Span("b", 0, 0, span_id, parent, start_s, end_s, is_failed=False, attributes={"class": name})

    spans = [
        span("1", "", "Net", 0, 5),
        span("2", "1", "Conv", 0, 1),
        span("3", "1", "Conv", 1, 3),
        span("4", "", "Hook", 5, 6),
    ]
    root = tree_of(spans)
    net, hook = root.slowest_first()
    assert (root.total_s, root.count) == (6.0, 4)
    assert (net.name, net.total_s, net.own_s) == ("Net", 5.0, 2.0)
    assert [(conv.name, conv.count, conv.total_s) for conv in net.slowest_first()] == [("Conv", 2, 3.0)]
    assert hook.count == 1


def test_spans_in_a_circle_end() -> None:
    """Spans that name each other as parents are drawn, and nothing hangs."""
    loop = [
        Span("b", 0, 0, a, b, 0.0, 1.0, is_failed=False, attributes={"class": a})
        for a, b in ("xy", "yx", "zz")
    ]
    assert "all builds" in flame(tree_of(loop))


def test_long_pauses_are_left_out() -> None:
    """Between attempts that are hours apart the axis has a narrow gap; marks stand where their moments do."""
    line = Timeline([(0.0, 10.0), (7200.0, 7210.0)])
    assert [round(line.x(moment)) for moment in (0.0, 10.0, 7200.0, 7210.0)] == [0, 48, 52, 100]
    assert [told for _, _, told in line.pauses()] == ["1 h 59 min"]
    assert line.x(3600.0) == line.x(7200.0)


@pytest.mark.parametrize(
    ("least_s", "step_s"), [(0.0003, 0.0005), (0.9, 1.0), (3.0, 5.0), (61.0, 120.0), (200_000, 259_200)]
)
def test_steps_of_the_axis_are_round(least_s: float, step_s: float) -> None:
    """Marks are at round seconds, minutes, hours or days."""
    assert math.isclose(nice_step_s(least_s), step_s)
