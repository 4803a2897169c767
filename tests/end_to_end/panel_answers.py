"""What real stores answer to the queries of the dashboards."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from tests.end_to_end.backends import get_json
from tests.end_to_end.grafana_queries import (
    NAMES,
    RANGE_S,
    STEP_S,
    Query,
    Values,
    choices,
    dashboard,
    fill,
    queries,
    repeated,
)

_NAME = re.compile(r'&& name (=~?) "([^"]+)"')
_SERVICE = re.compile(r'resource\.service\.name = "([^"]+)"')
_ATTRIBUTE = re.compile(r"(?:span|resource)\.([\w.]+)")


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the stores are: URLs."""

    prometheus: str
    loki: str
    jaeger: str


@dataclass(frozen=True, slots=True)
class Series:
    """Labels, and times with values as text, the oldest first."""

    labels: dict[str, str]
    points: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query got.

    Attributes:
        query: The query, with its variables filled in.
        series: What came: series, streams of lines, or spans, whose value is their duration in microseconds.
    """

    query: Query
    series: list[Series]

    @property
    def shown(self) -> str:
        """What a panel of one value shows: of the last series the largest or the last that is a number; else empty."""
        values = [value for series in self.series[-1:] for _, value in series.points if value != "NaN"]
        if self.query.reducer == "max" and values:
            return max(values, key=float)
        return values[-1] if values else ""


def chosen(stores: Stores, experiment: str, ranks: list[str]) -> Values:
    """The variables of the dashboards for an experiment's newest run, each filled by its own query.

    Args:
        stores: Of which Prometheus is asked.
        experiment: Must be among those that are offered.
        ranks: The ranks that are picked.
    """
    values: dict[str, list[str]] = {"experiment": [experiment]}
    for variable in dashboard("run")["templating"]["list"]:
        if variable["type"] != "query":
            continue
        offered = choices(stores.prometheus, variable, values)
        wanted = {"experiment": [experiment], "rank": ranks}.get(variable["name"], offered)
        assert set(wanted) <= set(offered), f"{variable['name']}: {wanted} not among {offered}"
        values[variable["name"]] = wanted[-1:] if variable["name"] == "run" else wanted
    return values


def answers(stores: Stores, values: Values, names: tuple[str, ...] = NAMES) -> Iterator[Answer]:
    """The answers to all queries of dashboards, in their order."""
    for name in names:
        for query in queries(name):
            for each in repeated(query, values):
                yield answer(stores, each, values)


def answer(stores: Stores, query: Query, values: Values) -> Answer:
    """The answer to one query, over the last hour."""
    asked = replace(query, text=fill(query.text, values))
    ask = {"prometheus": _ask_prometheus, "loki": _ask_loki, "tempo": _ask_jaeger}[query.store]
    return Answer(asked, ask(stores, asked))


def _ask_prometheus(stores: Stores, query: Query) -> list[Series]:
    url = f"{stores.prometheus}/api/v1"
    if query.is_instant:
        return [_series(each) for each in get_json(f"{url}/query", query=query.text)["data"]["result"]]
    # As Grafana does, begin and end at multiples of the step; the step that now lies in counts too.
    end = (int(time.time()) // STEP_S + 1) * STEP_S
    found = get_json(
        f"{url}/query_range", query=query.text, start=str(end - RANGE_S), end=str(end), step=str(STEP_S)
    )
    return [_series(each) for each in found["data"]["result"]]


def _ask_loki(stores: Stores, query: Query) -> list[Series]:
    url = f"{stores.loki}/loki/api/v1"
    if query.is_instant:
        found = get_json(f"{url}/query", query=query.text)
    else:
        found = get_json(f"{url}/query_range", query=query.text, since="1h", limit="1000", step=str(STEP_S))
    return [_series(each) for each in found["data"]["result"]]


def _series(found: Any) -> Series:
    points = found["values"] if "values" in found else [found["value"]]
    labels = found["metric"] if "metric" in found else found["stream"]
    return Series(labels, sorted((str(moment), str(value)) for moment, value in points))


def _ask_jaeger(stores: Stores, query: Query) -> list[Series]:
    """The spans that Jaeger has under the names that TraceQL asks for; each with the attributes that it selects."""
    service, name = _SERVICE.search(query.text), _NAME.search(query.text)
    assert service, query.text
    assert name, query.text
    names = re.compile(name[2] if name[1] == "=~" else re.escape(name[2]))
    wanted = set(_ATTRIBUTE.findall(query.text))
    found = get_json(f"{stores.jaeger}/api/traces", service=service[1], limit="200")
    return [
        Series(_attributes(span, trace, wanted), [(str(span["startTime"]), str(span["duration"]))])
        for trace in found["data"]
        for span in trace["spans"]
        if names.fullmatch(span["operationName"])
    ]


def _attributes(span: Any, trace: Any, wanted: set[str]) -> dict[str, str]:
    tags = [*span["tags"], *trace["processes"][span["processID"]]["tags"]]
    kept = {tag["key"]: str(tag["value"]) for tag in tags if tag["key"] in wanted}
    return {"name": span["operationName"], **kept}
