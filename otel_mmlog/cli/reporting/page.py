"""The whole page: what comes first, what is left out where there is nothing, and that it loads nothing."""

from collections.abc import Iterator

from otel_mmlog._version import __version__
from otel_mmlog.cli.reporting.facts import Facts
from otel_mmlog.cli.reporting.head import head, moment
from otel_mmlog.cli.reporting.html import Html, join, tag
from otel_mmlog.cli.reporting.sections import (
    builds_section,
    config_section,
    life_section,
    messages_section,
    plots_section,
    ranks_section,
)
from otel_mmlog.cli.reporting.style import CSS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""Nothing is loaded and no script runs, whatever might be in the page."""


def report_page(facts: Facts) -> str:
    """Return a report as one HTML file."""
    sections = list(_sections(facts))
    links = (tag("a", title, href=f"#{name}") for name, title, _ in sections)
    nav = tag("nav", tag("div", tag("a", "Summary", href="#top"), *links), aria_label="Sections")
    body = (tag("section", tag("h2", title), content, id=name) for name, title, content in sections)
    page = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("title", f"{facts.summary.name}: {facts.summary.state}"),
            tag("style", Html(CSS)),
        ),
        tag("body", nav, head(facts), tag("main", *body), _footer(facts), id="top"),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n"


def _sections(facts: Facts) -> Iterator[tuple[str, str, Html]]:
    """The sections that have something to show: id, title, content."""
    yield "plots", "Scalars", plots_section(facts.pictures)
    if facts.life.bars:
        yield "life", "Life", life_section(facts.life)
    if facts.life.builds is not None:
        yield "builds", "Registry builds", builds_section(facts.life.builds, facts.life.builds_of)
    if facts.ranks is not None:
        yield "ranks", "Ranks", ranks_section(facts.ranks)
    yield "messages", "Warnings and errors", messages_section(facts.messages, facts.summary.ranks)
    if facts.config:
        yield "config", "Config", config_section(facts.config)


def _footer(facts: Facts) -> Html:
    where = facts.summary.run.work_dir.absolute()
    told = join(
        f"Written by otel-mmlog {__version__} on {moment(facts.now_s)} from ", tag("code", str(where)), "."
    )
    return tag("footer", told)
