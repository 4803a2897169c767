"""The queries of the dashboards, with their variables filled in as Grafana does."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.end_to_end.backends import get_json

DASHBOARDS = Path(__file__).parents[2] / "collector-config" / "grafana" / "dashboards"
NAMES = ("run", "ranks", "pipeline", "life")
STEP_S = 1
RANGE_S = 3600
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::\w+)?\}|(?P<plain>\w+))")
_LABEL_VALUES = re.compile(r"^label_values\((?P<selector>.+), (?P<label>\w+)\)$")

Json = Mapping[str, Any]
Values = Mapping[str, Sequence[str]]
"""What is chosen: the name of each variable, and one value or several."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one panel, as it is in the JSON.

    Attributes:
        dashboard: The name of its file.
        panel: The title.
        kind: Of the panel: ``stat``, ``timeseries`` ...
        ref: A, B, ...
        store: ``prometheus``, ``loki`` or ``tempo``.
        text: PromQL, LogQL or TraceQL.
        is_instant: Asked for the end of the range alone.
        reducer: What makes one value of many, where the panel shows one: ``lastNotNull``, ``max``.
        repeat: The variable for each value of which there is such a panel, or empty.
    """

    dashboard: str
    panel: str
    kind: str
    ref: str
    store: str
    text: str
    is_instant: bool
    reducer: str
    repeat: str


def dashboard(name: str) -> Json:
    """A dashboard as it is checked in."""
    found: Json = json.loads((DASHBOARDS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def panels(board: Json) -> Iterator[Json]:
    """Its panels, those of collapsed rows too; rows themselves are none."""
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def queries(name: str) -> list[Query]:
    """All queries of a dashboard's panels."""
    return [
        Query(
            name,
            panel["title"],
            panel["type"],
            target["refId"],
            target["datasource"]["type"],
            target["expr"] if "expr" in target else target["query"],
            bool(target.get("instant")) or target.get("queryType") == "instant",
            panel.get("options", {}).get("reduceOptions", {}).get("calcs", [""])[0],
            panel.get("repeat", ""),
        )
        for panel in panels(dashboard(name))
        for target in panel["targets"]
    ]


def variable_names(text: str) -> set[str]:
    """The dashboard's variables in a text; those of Grafana itself and the groups of regular expressions are none."""
    names = {found["braced"] or found["plain"] for found in _VARIABLE.finditer(text)}
    return {name for name in names if not name.startswith("__") and not name.isdigit()}


def fill(text: str, values: Values) -> str:
    """A query with its variables filled in: several values become alternatives of a regular expression."""
    own = {
        "__interval": f"{STEP_S}s",
        "__rate_interval": f"{4 * STEP_S}s",
        "__auto": f"{STEP_S}s",
        "__range": f"{RANGE_S}s",
    }

    def value(found: "re.Match[str]") -> str:
        name = found["braced"] or found["plain"]
        if name in own:
            return own[name]
        if name not in values:
            return found[0]
        return values[name][0] if len(values[name]) == 1 else f"({'|'.join(map(re.escape, values[name]))})"

    return _VARIABLE.sub(value, text)


def choices(url: str, variable: Json, values: Values) -> list[str]:
    """What a variable offers: the answer of Prometheus to its query, cut as its regular expression says.

    Args:
        url: Of Prometheus.
        variable: One of the dashboard's, of type ``query``.
        values: Those of the variables that its query names.
    """
    query = _LABEL_VALUES.match(variable["query"])
    assert query, variable["query"]
    path = f"{url}/api/v1/label/{query['label']}/values"
    found: list[str] = get_json(path, **{"match[]": fill(query["selector"], values)})["data"]
    if not variable.get("regex"):
        return found
    # JavaScript's groups are (?<name>), Python's (?P<name>).
    cut = re.compile(
        variable["regex"].strip("/").replace("(?<value>", "(?P<value>").replace("(?<text>", "(?P<text>")
    )
    return [match["value"] for match in map(cut.search, found) if match]


def repeated(query: Query, values: Values) -> list[Query]:
    """A query, or one for each value of the variable that repeats its panel."""
    if not query.repeat:
        return [query]
    each = [(value, {query.repeat: [value]}) for value in values[query.repeat]]
    return [replace(query, panel=value, text=fill(query.text, one)) for value, one in each]
