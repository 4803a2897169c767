"""How long Prometheus takes for what the dashboards ask, with steps as Grafana chooses them on a wide screen."""

import json
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.benchmarks.fleet_ranks import EXPERIMENT, RUN
from tests.end_to_end.grafana_queries import NAMES, Values, dashboard, fill, panels

RANGE_S = 3600
"""What the dashboards show when they are opened."""
SLOW_S = 5.0
"""What takes longer is asked once only."""
_SCREEN_PIXELS = 1880
_COLUMNS = 24
_TIMEOUT_S = 150
_STEPS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600)
_METRICS = ["mmlog_train_loss", "mmlog_train_lr"]
AGGREGATES = {
    "experiment": [EXPERIMENT],
    "run": [RUN],
    "attempt": [".*"],
    "rank": ["none"],
    "metric": _METRICS,
}
"""What is chosen when a dashboard is opened: all attempts, all metrics, and no rank by itself."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One query of one panel, its variables filled in.

    Attributes:
        dashboard: The name of its file.
        panel: The title.
        ref: A, B, ...; empty for an annotation.
        text: PromQL.
        step_s: From one value to the next, or None for one value at the end.
    """

    dashboard: str
    panel: str
    ref: str
    text: str
    step_s: int | None


@dataclass(frozen=True, slots=True)
class Took:
    """What a query cost.

    Attributes:
        ask: The query.
        wall_s: Until the answer was read; the median of three, or of one.
        series: That came.
        peak_samples: In memory at once, which ``--query.max-samples`` limits.
        read_samples: That were read from the store.
        error: Why there was no answer; empty if there was one.
    """

    ask: Ask
    wall_s: float
    series: int = 0
    peak_samples: int = 0
    read_samples: int = 0
    error: str = ""


def asks(values: Values, range_s: int = RANGE_S) -> Iterator[Ask]:
    """Yield what the dashboards ask Prometheus: annotations first, then panels in their order."""
    for name in NAMES:
        board = dashboard(name)
        for each in board["annotations"]["list"]:
            if each["datasource"]["type"] == "prometheus":
                yield _ask(name, each["name"], "", each["expr"], (15, range_s), values)
        for panel in panels(board):
            step_s = grafana_step_s(panel, range_s)
            for title, chosen in _repeats(panel, values):
                for target in panel["targets"]:
                    if target["datasource"]["type"] == "prometheus":
                        times = (None if target.get("instant") else step_s, range_s)
                        yield _ask(name, title, target["refId"], target["expr"], times, chosen)


def _repeats(panel: Mapping[str, Any], values: Values) -> Iterator[tuple[str, Values]]:
    """Yield title and values of a panel, or of one for each value of the variable that repeats it."""
    variable = str(panel.get("repeat", ""))
    if not variable:
        yield panel["title"], values
        return
    for value in values[variable]:
        yield value, {**values, variable: [value]}


def _ask(
    name: str,
    title: str,
    ref: str,
    text: str,
    times: tuple[int | None, int],
    values: Values,
) -> Ask:
    step_s, range_s = times
    interval_s = step_s or 1
    own = {"$__rate_interval": f"{max(4 * interval_s, 4)}s", "$__interval": f"{interval_s}s"}
    for variable, value in {**own, "$__range": f"{range_s}s"}.items():
        text = text.replace(variable, value)
    return Ask(name, title, ref, fill(text, values), step_s)


def grafana_step_s(panel: Mapping[str, Any], range_s: int) -> int:
    """Return the step of a panel's graph: a value a pixel, rounded as Grafana rounds, and a second at least."""
    points = panel.get("maxDataPoints") or panel["gridPos"]["w"] / _COLUMNS * _SCREEN_PIXELS
    exact_s = range_s / points
    return min(_STEPS_S, key=lambda step_s: abs(step_s - exact_s))


def took(url: str, ask: Ask, range_s: int = RANGE_S) -> Took:
    """Ask, three times if that does not take long."""
    first = _ask_once(url, ask, range_s)
    if first.error or first.wall_s > SLOW_S:
        return first
    walls_s = [first.wall_s, *(_ask_once(url, ask, range_s).wall_s for _ in range(2))]
    return Took(ask, statistics.median(walls_s), first.series, first.peak_samples, first.read_samples)


def _ask_once(url: str, ask: Ask, range_s: int) -> Took:
    end_s = int(time.time())
    query: dict[str, Any] = {"query": ask.text, "stats": "all", "time": end_s}
    path = "query"
    if ask.step_s is not None:
        end_s = (end_s // ask.step_s + 1) * ask.step_s
        query = {"query": ask.text, "stats": "all", "step": ask.step_s}
        query |= {"start": end_s - range_s, "end": end_s}
        path = "query_range"
    began_s = time.monotonic()
    try:
        body = urlencode(query).encode()
        with urllib.request.urlopen(f"{url}/api/v1/{path}", body, timeout=_TIMEOUT_S) as answer:
            found = json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        with error:
            return Took(ask, time.monotonic() - began_s, error=str(json.load(error).get("error")))
    except TimeoutError:
        return Took(ask, time.monotonic() - began_s, error=f"no answer within {_TIMEOUT_S} s")
    wall_s = time.monotonic() - began_s
    counts = found["stats"]["samples"]
    return Took(ask, wall_s, len(found["result"]), counts["peakSamples"], counts["totalQueryableSamples"])
