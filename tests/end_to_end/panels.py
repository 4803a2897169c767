"""Print what each panel of the dashboards gets from stores: a table of panels, queries and values.

    python -m tests.end_to_end.panels --experiment digits
    python -m tests.end_to_end.panels --experiment digits --prometheus http://127.0.0.1:9090 \
        --loki http://127.0.0.1:3100 --jaeger http://127.0.0.1:16686

Queries for Tempo are answered by what Jaeger has under the same span names. The exit status is the number of queries
without an answer, apart from those that not every run has one for; these say what they need.
"""

import argparse
import sys
import urllib.error
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from tests.end_to_end.grafana_queries import NAMES, Query
from tests.end_to_end.panel_answers import Answer, Stores, answers, chosen

NOT_OF_EVERY_RUN = {
    "Memory, spread": "a GPU",
    "Memory, by rank": "a GPU",
    "Memory, worst five": "a GPU",
    "Slowest builds": "MMEngine at DEBUG",
    "Builds by registry": "MMEngine at DEBUG",
    "Lookups by registry": "MMEngine at DEBUG",
    "Lookups by scope": "MMEngine at DEBUG",
    "What the registries did": "MMEngine at DEBUG",
    "Handed on": "a Collector",
    "Queues": "a Collector",
    "Memory of the Collectors": "a Collector",
    "Validation and test": "a val or test loop",
    "Last and best": "a val or test loop",
}
"""Panels, and what they need that a run may not have."""


def main() -> int:
    """Ask and print."""
    parser = argparse.ArgumentParser(description="Print what each panel of the dashboards gets from stores.")
    parser.add_argument("--experiment", default="digits", help="its newest run is shown")
    parser.add_argument("--ranks", default="0,1", help="the picked ranks, separated by commas")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--loki", default="http://127.0.0.1:3100")
    parser.add_argument("--jaeger", default="http://127.0.0.1:16686")
    parser.add_argument("--dashboards", default=",".join(NAMES))
    arguments = parser.parse_args()
    stores = Stores(arguments.prometheus, arguments.loki, arguments.jaeger)
    try:
        values = chosen(stores, arguments.experiment, arguments.ranks.split(","))
        found = list(answers(stores, values, tuple(arguments.dashboards.split(","))))
    except urllib.error.URLError as error:
        print(
            f"a store does not answer: {error}; start them as collector-config/README.md says",
            file=sys.stderr,
        )
        return 255
    Console().print(table(found))
    return len(without_data(found))


def without_data(found: Iterable[Answer]) -> list[Answer]:
    """The answers that are empty and should not be."""
    return [each for each in found if not each.series and not needed(each.query)]


def needed(query: Query) -> str:
    """What a query needs that a run may not have; empty if each run has all."""
    return "a NaN" if query.text.endswith("* 0 != 0)") else NOT_OF_EVERY_RUN.get(query.panel, "")


def table(found: Iterable[Answer]) -> Table:
    """The answers, a row each."""
    drawn = Table("dashboard", "panel", "", "store", "series", "value", "query", show_lines=False)
    for each in found:
        query = each.query
        value = each.shown if each.series else f"needs {needed(query)}" if needed(query) else "NO ANSWER"
        value = value if len(value) < 40 else f"{value[:37]}..."
        drawn.add_row(
            query.dashboard, query.panel, query.ref, query.store, str(len(each.series)), value, query.text
        )
    return drawn


if __name__ == "__main__":
    sys.exit(main())
