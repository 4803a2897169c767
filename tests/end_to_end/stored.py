"""What real stores hold of a run, in the words of what the run wrote."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.end_to_end.backends import Jaeger, Loki, Prometheus, get_json

JsonLine = Mapping[str, Any]
Sample = tuple[str, str, str]
"""Rank, metric and value, as text."""
DAY_S = 86_400
SUFFIXES = {"time": "_seconds", "data_time": "_seconds", "eta": "_seconds", "memory": "_mebibytes"}
SEQ = "mmlog_seq"
SPAN_STARTED = "mmlog_span_name"


@dataclass(frozen=True, slots=True)
class StoredLogs:
    """The log records of a run.

    Attributes:
        lines: Rank, number and text of each.
        begun_spans: The id of each span that said that it began.
        streams: The labels of each stream.
    """

    lines: Counter[tuple[int, int, str]]
    begun_spans: Counter[str]
    streams: list[Mapping[str, str]]

    @property
    def ranks(self) -> set[int]:
        """The ranks that have lines."""
        return {rank for rank, _, _ in self.lines}


def run_id_of(lines: Iterable[JsonLine]) -> str:
    """The one id of the run that wrote JSON lines."""
    (run_id,) = {str(line["run_id"]) for line in lines}
    return run_id


def samples_of(lines: Iterable[JsonLine]) -> Counter[Sample]:
    """The samples that Prometheus must have of JSON lines."""
    return Counter(
        (str(line["rank"]), _metric(line["mode"], tag), _as_text(value))
        for line in lines
        for tag, value in line.get("tags", {}).items()
    )


def stored_samples(prometheus: Prometheus, run_id: str) -> Counter[Sample]:
    """The samples that Prometheus has of a run's records."""
    series = prometheus.query(f'{{__name__=~"mmlog_(train|val|test)_.*", mmlog_run_id="{run_id}"}}[{DAY_S}s]')
    return Counter(
        (each["metric"]["rank"], each["metric"]["__name__"], _as_text(value))
        for each in series
        for _, value in each["values"]
    )


def stored_logs(loki: Loki, run_id: str) -> StoredLogs:
    """What Loki has of a run, as far back as it is asked to search."""
    selector = f'{{mmlog_run_id="{run_id}"}}'
    found = get_json(f"{loki.url}/loki/api/v1/query_range", query=selector, limit="5000", since="30h")
    entries = [(each["stream"], body) for each in found["data"]["result"] for _, body in each["values"]]
    streams = get_json(f"{loki.url}/loki/api/v1/series", **{"match[]": selector, "since": "30h"})
    return StoredLogs(
        Counter((int(labels["rank"]), int(labels[SEQ]), body) for labels, body in entries if SEQ in labels),
        Counter(labels["span_id"] for labels, _ in entries if SPAN_STARTED in labels),
        streams["data"],
    )


def stored_bodies(loki: Loki, selector: str) -> list[str]:
    """The texts that Loki has of some streams."""
    found = get_json(f"{loki.url}/loki/api/v1/query_range", query=selector, limit="5000", since="30h")
    return [body for each in found["data"]["result"] for _, body in each["values"]]


def stored_spans(jaeger: Jaeger, run_id: str) -> Counter[str]:
    """The ids of the spans that Jaeger has of a run."""
    found: Counter[str] = Counter()
    for service in get_json(f"{jaeger.url}/api/services")["data"] or ():
        traces = get_json(f"{jaeger.url}/api/traces", service=service, limit="1000")["data"]
        for trace in traces:
            of_run = {
                name
                for name, process in trace["processes"].items()
                if {"key": "mmlog.run.id", "type": "string", "value": run_id} in process["tags"]
            }
            found.update(span["spanID"] for span in trace["spans"] if span["processID"] in of_run)
    return found


def _metric(mode: str, tag: str) -> str:
    return f"mmlog_{mode}_{tag}" + SUFFIXES.get(tag, "")


def _as_text(value: Any) -> str:
    """A number as one spelling, whether it came as JSON text, int or float."""
    return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(str(value), str(float(value)))
