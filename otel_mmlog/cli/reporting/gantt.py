"""The life of a run as bars on a time axis: attempts, epochs, validation, checkpoints, by rank."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from otel_mmlog.cli.reporting.html import Html, join, tag
from otel_mmlog.cli.reporting.spans import Span
from otel_mmlog.cli.reporting.timeline import Timeline
from otel_mmlog.cli.shown import shown_seconds
from otel_mmlog.otel.semconv import SPAN_CHECKPOINT_SAVE, SPAN_REGISTRY_BUILD, SPAN_RUN, loop_span

KINDS: Final = {
    SPAN_RUN: "run",
    SPAN_REGISTRY_BUILD: "builds",
    loop_span("train"): "train",
    loop_span("epoch"): "epochs",
    loop_span("val"): "val",
    loop_span("test"): "test",
    SPAN_CHECKPOINT_SAVE: "saves",
}
"""Spans that are drawn -> what their row is called, in this order."""

MOST_RANKS: Final = 16
"""How many ranks are drawn."""

_LEAST_WIDTH = 0.12
_NAMED_WIDTH = 1.5
_LABEL_WIDTH = 5.0
_ROW_PX, _THIN_PX = 20, 14
_TOGETHER = ("train", "epochs", "val", "test", "saves")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, or many that are too small to be told apart.

    Attributes:
        kind: One of the values of `KINDS`.
        label: What stands in it.
        start_s: Unix time.
        end_s: Unix time.
        count: How many spans it stands for.
        state: ``failed``, ``open`` or empty.
    """

    kind: str
    label: str
    start_s: float
    end_s: float
    count: int = 1
    state: str = ""


def bars_of(spans: Iterable[Span], ends_s: dict[tuple[int, int], float]) -> dict[int, list[Bar]]:
    """Return the bars of spans by rank.

    Args:
        spans: Those of `KINDS`; of builds only the outermost.
        ends_s: Rank and attempt -> Unix time of its last sign of life, where spans end that never did.
    """
    found: dict[int, list[Bar]] = {}
    for span in spans:
        last_s = max(ends_s.get((span.rank, span.attempt), span.start_s), span.start_s)
        state = "open" if span.end_s is None else "failed" if span.is_failed else ""
        kind = KINDS[span.name]
        bar = Bar(
            kind, _label(span, kind), span.start_s, last_s if span.end_s is None else span.end_s, 1, state
        )
        found.setdefault(span.rank, []).append(bar)
    return dict(sorted(found.items()))


def timeline_of(by_rank: dict[int, list[Bar]]) -> Timeline:
    """Return the axis of some bars, of which there is one at least."""
    return Timeline((bar.start_s, bar.end_s) for bars in by_rank.values() for bar in bars)


def gantt(by_rank: dict[int, list[Bar]], line: Timeline) -> Html:
    """Return the picture: all of the first rank, and a row for each of the others."""
    first, *others = by_rank
    rows = [_axis(line)]
    for kind in KINDS.values():
        bars = [bar for bar in by_rank[first] if bar.kind == kind]
        if bars:
            rows.append(_row(kind, bars, line, _ROW_PX))
    if others:
        rows[1:1] = [tag("div", f"rank {first}", class_="lane")]
        rows.append(tag("div", "other ranks", class_="lane"))
    for rank in others[: MOST_RANKS - 1]:
        bars = [bar for kind in _TOGETHER for bar in by_rank[rank] if bar.kind == kind]
        rows.append(_row(f"rank {rank}", bars or by_rank[rank], line, _THIN_PX))
    return tag("div", *rows, class_="gantt", role="img", aria_label="The run's life on a time axis")


def _row(name: str, bars: Sequence[Bar], line: Timeline, height: int) -> Html:
    kinds = list(dict.fromkeys(bar.kind for bar in bars))
    drawn = [
        _drawn(bar, number, line, height)
        for kind in kinds
        for number, bar in enumerate(_merged([bar for bar in bars if bar.kind == kind], line))
    ]
    grid = [
        tag("line", x1=f"{x:.3f}%", x2=f"{x:.3f}%", y1="0", y2="100%", class_="grid") for x, _ in line.ticks()
    ]
    pauses = [
        tag("rect", x=f"{left:.3f}%", width=f"{right - left:.3f}%", height="100%", class_="pause")
        for left, right, _ in line.pauses()
    ]
    svg = tag("svg", *pauses, *grid, *drawn, width="100%", height=height + 4)
    return join(tag("div", name, class_="name"), svg)


def _drawn(bar: Bar, number: int, line: Timeline, height: int) -> Html:
    left, right = line.x(bar.start_s), line.x(bar.end_s)
    width = max(right - left, _LEAST_WIDTH)
    left = min(left, 100.0 - width)
    shade = " odd" if bar.kind == "epochs" and number % 2 else ""
    what = bar.label if bar.count == 1 else f"{bar.count:,} {bar.kind}"
    told = {"open": ", not ended", "failed": ", ended by an error"}.get(bar.state, "")
    since = f"{shown_seconds(bar.start_s - line.start_s)} after the begin"
    title = tag("title", f"{what}: {shown_seconds(bar.end_s - bar.start_s)}, {since}{told}")
    rect = tag("rect", title, width="100%", height="100%", rx="2", class_=f"k-{bar.kind}{shade} {bar.state}")
    is_named = width >= _NAMED_WIDTH and height >= _ROW_PX and bar.count == 1
    short = bar.label.removeprefix("epoch ") if bar.kind == "epochs" else bar.label
    label = tag("text", short, x="5", y="14", class_="in") if is_named else None
    return tag("svg", rect, label, x=f"{left:.3f}%", width=f"{width:.3f}%", y="2", height=height)


def _merged(bars: Sequence[Bar], line: Timeline) -> list[Bar]:
    """Bars, of which neighbours that are narrower than can be seen are one."""
    found: list[Bar] = []
    for bar in sorted(bars, key=lambda bar: bar.start_s):
        before = found[-1] if found else None
        if (
            before is not None
            and not bar.state
            and not before.state
            and line.x(bar.end_s) - line.x(bar.start_s) < _LEAST_WIDTH
            and line.x(bar.start_s) - line.x(before.end_s) < _LEAST_WIDTH
            and (before.count > 1 or line.x(before.end_s) - line.x(before.start_s) < _LEAST_WIDTH)
        ):
            end_s = max(before.end_s, bar.end_s)
            found[-1] = Bar(bar.kind, before.label, before.start_s, end_s, before.count + bar.count)
        else:
            found.append(bar)
    return found


def _axis(line: Timeline) -> Html:
    texts: list[Html] = []
    last = -_LABEL_WIDTH
    for x, label in line.ticks():
        if x - last < _LABEL_WIDTH:
            continue
        last = x
        anchor = "start" if x < 3 else "end" if x > 97 else "middle"
        shade = "odd" if len(texts) % 2 else None
        texts.append(tag("text", label, x=f"{x:.3f}%", y="12", text_anchor=anchor, class_=shade))
    return join(tag("div", class_="name"), tag("svg", *texts, width="100%", height="18", class_="axis"))


def _label(span: Span, kind: str) -> str:
    if kind == "run":
        return f"attempt {span.attempt}"
    if kind == "epochs":
        return f"epoch {span.attributes.get('epoch', '')}".strip()
    if kind == "builds":
        return str(span.attributes.get("class", "build"))
    return {"saves": "checkpoint"}.get(kind, kind)
