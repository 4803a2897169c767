"""What a run built from MMEngine's registries as a flame graph: who called whom, and how long it took."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from otel_mmlog.cli.reporting.html import Html, tag
from otel_mmlog.cli.reporting.spans import Span
from otel_mmlog.cli.shown import shown_seconds
from otel_mmlog.otel.semconv import REGISTRY_CLASS, REGISTRY_MODULE, REGISTRY_NAME

COLOURS: Final = 6
"""How many registries have a colour of their own."""

_LEAST_WIDTH = 0.15
_NAMED_WIDTH = 2.0
_MOST_DEPTH = 16
_ROW_PX = 24


@dataclass(slots=True)
class Build:
    """All builds of one class that happened inside the same other builds.

    Attributes:
        name: Of the class.
        registry: Of the registry.
        module: Where the class is.
        count: How many builds there were.
        total_s: How long they took.
        failed: How many of them an error ended.
        inner: Builds inside, by class and registry.
    """

    name: str
    registry: str
    module: str
    count: int = 0
    total_s: float = 0.0
    failed: int = 0
    inner: dict[tuple[str, str], "Build"] = field(default_factory=dict)

    @property
    def own_s(self) -> float:
        """How long they took without the builds inside."""
        return max(0.0, self.total_s - sum(each.total_s for each in self.inner.values()))

    def slowest_first(self) -> list["Build"]:
        """Return the builds inside."""
        return sorted(self.inner.values(), key=lambda each: (-each.total_s, each.name))

    def all(self) -> Iterator["Build"]:
        """Yield all builds inside, at whatever depth."""
        for each in self.slowest_first():
            yield each
            yield from each.all()


def tree_of(spans: Sequence[Span]) -> Build:
    """Return builds as a tree; its root stands for all of them.

    Args:
        spans: Builds of one rank and attempt.
    """
    root = Build("all builds", "", "")
    by_id = {span.span_id: span for span in spans}
    for span in spans:
        if span.end_s is None:
            continue
        build = root
        for each in _path(span, by_id):
            key = str(each.attributes.get(REGISTRY_CLASS, "?")), str(each.attributes.get(REGISTRY_NAME, ""))
            module = str(each.attributes.get(REGISTRY_MODULE, ""))
            build = build.inner.setdefault(key, Build(key[0], key[1], module))
        build.count += 1
        build.total_s += span.end_s - span.start_s
        build.failed += span.is_failed
    root.total_s = sum(each.total_s for each in root.inner.values())
    root.count = sum(each.count for each in root.all())
    return root


def registries(root: Build) -> list[str]:
    """Return the registries in which most time was spent, `COLOURS` of them at most."""
    spent: dict[str, float] = {}
    for build in root.all():
        spent[build.registry] = spent.get(build.registry, 0.0) + build.own_s
    return sorted(spent, key=lambda name: -spent[name])[:COLOURS]


def flame(root: Build) -> Html:
    """Return the picture, widest on top; what is too narrow to be seen is left out."""
    colours = {name: number for number, name in enumerate(registries(root))}
    drawn = [_bar(root, 0.0, 100.0, 0, "", root)]
    depth = 1
    levels: list[tuple[Build, float, int]] = [(root, 0.0, 1)]
    while levels:
        outer, left, level = levels.pop()
        depth = max(depth, level)
        for build in outer.slowest_first() if level < _MOST_DEPTH else ():
            width = 100.0 * build.total_s / root.total_s if root.total_s else 0.0
            if width < _LEAST_WIDTH:
                break
            colour = f"r{colours[build.registry]}" if build.registry in colours else "r"
            drawn.append(_bar(build, left, width, level, colour, root))
            levels.append((build, left, level + 1))
            left += width
    return tag("svg", *drawn, width="100%", height=depth * _ROW_PX, class_="flame", role="img",
               aria_label="Flame graph of registry builds")  # fmt: skip


def _bar(build: Build, left: float, width: float, level: int, colour: str, root: Build) -> Html:
    told = f"{build.name}  {shown_ms(build.total_s)}"
    share = f"{build.total_s / root.total_s:.1%}" if root.total_s else "0%"
    times = f"{build.count:,} times, " if build.count > 1 and build is not root else ""
    where = f", registry {build.registry}, {build.module}" if build.registry else ""
    title = tag("title", f"{build.name}: {times}{shown_ms(build.total_s)} ({share}){where}")
    rect = tag(
        "rect",
        title,
        width="100%",
        height="100%",
        rx="2",
        class_=f"{colour}{' failed' if build.failed else ''}",
    )
    label = tag("text", told, x="6", y="15") if width >= _NAMED_WIDTH else None
    inside = min(width, 100.0 - left)
    return tag(
        "svg", rect, label, x=f"{left:.3f}%", y=level * _ROW_PX, width=f"{inside:.3f}%", height=_ROW_PX - 2
    )  # fmt: skip


def _path(span: Span, by_id: dict[str, Span]) -> list[Span]:
    """The builds around a build, outermost first, and itself; one that says that it is in itself ends it."""
    path = [span]
    seen = {span.span_id}
    while (outer := by_id.get(path[0].parent_id)) is not None and outer.span_id not in seen:
        if len(path) >= _MOST_DEPTH:
            break
        seen.add(outer.span_id)
        path.insert(0, outer)
    return path


def shown_ms(seconds: float) -> str:
    """Return ``0.4 ms``, ``152 ms``, ``12.3 s``."""
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms" if seconds >= 0.01 else f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else shown_seconds(seconds)
