"""Every query of every dashboard, asked of real stores after real runs: it answers, with what the runs wrote."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.backends import Prometheus, get_json, post_json
from tests.end_to_end.chain import Chain, chain
from tests.end_to_end.digits_runs import finish, json_lines, start_digits
from tests.end_to_end.grafana_queries import STEP_S, Values, dashboard, fill
from tests.end_to_end.panel_answers import Answer, Stores, answers, chosen
from tests.end_to_end.panels import NOT_OF_EVERY_RUN
from tests.end_to_end.servers import wait_until
from tests.end_to_end.stored import run_id_of, samples_of, stored_logs, stored_samples, stored_spans
from tests.processes import REPOSITORY, environment

ARRIVAL_S = 30.0
OWN_METRICS_S = 40.0
"""A Collector tells of itself every 15 s."""
REGISTRY = [panel for panel, need in NOT_OF_EVERY_RUN.items() if need == "MMEngine at DEBUG"]
Lines = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Filled:
    """Stores with a run of two ranks, whose loss became NaN, and one of MMEngine's registries at DEBUG.

    Attributes:
        stores: Where they are.
        digits: The JSON lines of both ranks.
        toy: And of the other run.
        answers: To all queries, asked for the first run, with both ranks picked.
    """

    stores: Stores
    digits: Lines
    toy: Lines
    answers: list[Answer]

    def panel(self, board: str, title: str) -> dict[str, Answer]:
        """The answers to a panel's queries, by their letter."""
        found = {
            each.query.ref: each
            for each in self.answers
            if (each.query.dashboard, each.query.panel) == (board, title)
        }
        assert found, f"{board} has no panel {title!r}"
        return found

    def records(self, rank: int, mode: str = "train") -> Lines:
        """The records of a rank of the first run, in their order."""
        return [each for each in self.digits if each["rank"] == rank and each.get("mode") == mode]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Two runs that have sent to an agent, and all that they sent in the stores."""
    folder = tmp_path_factory.mktemp("panels")
    with chain(folder, {"MMLOG_GATEWAY_REGISTRY": "keep"}) as whole:
        variables = {**whole.agent.variables, "OTEL_MMLOG_RUN_ID": "run-7"}
        digits = start_digits(
            folder / "digits", "--distributed", "--diverge", "--epochs", "6", variables=variables
        )
        toy = start_toy(folder / "toy", whole.agent.variables)
        finish(digits)
        finish(toy)
        lines = [
            json_lines(folder / "digits" / "digits.jsonl")
            + json_lines(folder / "digits" / "digits_rank1.jsonl"),
            json_lines(folder / "toy" / "toy.jsonl"),
        ]
        for each in lines:
            wait_for(whole, each)
        send_memory(whole.store.prometheus, run_id_of(lines[0]))
        stores = Stores(whole.store.prometheus.url, whole.loki.url, whole.jaeger.url)
        found = list(answers(stores, chosen(stores, "digits", ["0", "1"])))
        yield Filled(stores, lines[0], lines[1], found)


def start_toy(work_dir: Path, variables: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Start MMEngine's toy model at DEBUG."""
    pytest.importorskip("mmengine")
    arguments = ["--model", "losses", "--log-level", "debug", "--work-dir", str(work_dir)]
    return subprocess.Popen(
        [sys.executable, str(REPOSITORY / "examples" / "mmengine_toy.py"), *arguments],
        env=environment({"OMP_NUM_THREADS": "1", **variables}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(whole: Chain, lines: Lines) -> None:
    """Wait until the stores have all records, lines and spans of a run, and the Collectors have told of it."""
    run_id, prometheus = run_id_of(lines), whole.store.prometheus
    expected, count = samples_of(lines), len(lines)
    assert wait_until(lambda: stored_samples(prometheus, run_id) == expected, ARRIVAL_S, poll_s=0.3)
    assert wait_until(lambda: stored_logs(whole.loki, run_id).lines.total() >= count, ARRIVAL_S, poll_s=0.3)
    begun = stored_logs(whole.loki, run_id).begun_spans
    assert wait_until(lambda: stored_spans(whole.jaeger, run_id) == begun, ARRIVAL_S, poll_s=0.3)
    for kind in ("metric_points", "log_records", "spans"):
        assert wait_until(partial(both_sent, prometheus, kind), OWN_METRICS_S, poll_s=0.5), kind


def both_sent(server: Prometheus, kind: str) -> bool:
    """Whether agent and gateway have said how much of something they handed on."""
    return (
        len(server.query(f'otelcol_exporter_sent_{kind}_total{{service_name=~"mmlog-(agent|gateway)"}}')) == 2
    )


def send_memory(server: Prometheus, run_id: str, ranks: int = 2, world_size: int = 2) -> None:
    """Say for some ranks what those on GPUs say: how much memory they have in use."""
    now_ns = str(time.time_ns())
    for rank in range(ranks):
        labels = {
            "rank": rank,
            "mmlog.run.id": run_id,
            "mmlog.run.attempt": 0,
            "method": "max",
            "window": "10",
        }
        resource = {"service.name": "digits", "host.name": f"host{rank // 8}", "world_size": world_size}
        point = {"timeUnixNano": now_ns, "asDouble": 40_000.0 + rank, "attributes": _attributes(labels)}
        metric = {"name": "mmlog.train.memory", "unit": "MiBy", "gauge": {"dataPoints": [point]}}
        body = {"resource": {"attributes": _attributes(resource)}, "scopeMetrics": [{"metrics": [metric]}]}
        assert post_json(server.endpoint, {"resourceMetrics": [body]}) == 200


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": str(value)}} for name, value in values.items()]


def test_every_query_has_an_answer(filled: Filled) -> None:
    """No panel is empty after a run of two ranks, but those on registries, which it has none of."""
    empty = [each.query for each in filled.answers if not each.series and each.query.panel not in REGISTRY]
    assert [(query.dashboard, query.panel, query.ref) for query in empty] == []


def test_registry_panels_have_answers_where_a_run_has_registries(filled: Filled) -> None:
    """MMEngine at DEBUG fills the panels on lookups and builds; the counts are those of its lines."""
    values = chosen(filled.stores, "toy", ["0"])
    found = {each.query.panel: each for each in answers(filled.stores, values, ("life",))}
    assert [title for title in REGISTRY if not found[title].series] == []
    events = [line.get("event_name") for line in filled.toy]
    builds, gets = (events.count(f"mmlog.registry.{name}") for name in ("build", "get"))
    assert (int(found["Builds"].shown), int(found["Lookups"].shown)) == (builds, gets)
    assert builds
    assert sum(int(each.points[-1][1]) for each in found["Builds by registry"].series) == builds
    assert all({"class", "registry"} <= set(span.labels) for span in found["Slowest builds"].series)


def test_numbers_are_those_of_the_last_record(filled: Filled) -> None:
    """A run that has ended still shows the last values of rank 0, as its file has them."""
    tags = filled.records(0)[-1]["tags"]
    expected = {
        "Epoch": tags["epoch"],
        "Iteration": tags["iter"],
        "Learning rate": tags["lr"],
        "Time a step": tags["time"],
        "Time left": tags["eta"],
        "Ranks": 2,
    }
    shown = {title: float(filled.panel("run", title)["A"].shown) for title in expected}
    assert shown == pytest.approx(expected)


def test_nan_is_seen(filled: Filled) -> None:
    """Where both ranks' losses are NaN, the run shows two ranks in red, marks the time, and keeps the last number."""
    losses = [each["tags"]["loss"] for each in filled.records(0)]
    assert losses[-1] == "NaN"
    assert filled.panel("run", "NaN ranks")["A"].shown == "2"
    assert filled.panel("run", "Loss against time")["E"].shown == "2"
    assert float(filled.panel("run", "Loss")["A"].shown) in {loss for loss in losses if loss != "NaN"}
    assert marked(filled, "NaN or Inf")


def test_epochs_are_marked(filled: Filled) -> None:
    """The annotation on new epochs finds them."""
    assert marked(filled, "Epochs")


def marked(filled: Filled, name: str) -> list[Any]:
    """What the query of an annotation finds in the last hour."""
    (text,) = [each["expr"] for each in dashboard("run")["annotations"]["list"] if each["name"] == name]
    end = int(time.time())
    query = fill(text, chosen(filled.stores, "digits", ["0"]))
    ask = {"query": query, "start": str(end - 3600), "end": str(end), "step": str(STEP_S)}
    return list(get_json(f"{filled.stores.prometheus}/api/v1/query_range", **ask)["data"]["result"])


def test_loss_is_plotted_against_its_step(filled: Filled) -> None:
    """Joined by time, iteration and mean loss are what the ranks logged; one of them may be a record ahead."""
    found = filled.panel("run", "Loss against step")
    (iterations,), (losses,) = found["A"].series, found["B"].series
    at = dict(iterations.points)
    pairs = [(int(at[moment]), float(loss)) for moment, loss in losses.points]
    assert pairs
    ranks = [[record["tags"] for record in filled.records(rank)] for rank in (0, 1)]
    steps = [tags["iter"] for tags in ranks[0]]
    for iteration, loss in pairs:
        at_step = steps.index(iteration)
        near = [[float(tags["loss"]) for tags in rank[max(0, at_step - 1) : at_step + 2]] for rank in ranks]
        assert any((one + other) / 2 == pytest.approx(loss) for one, other in product(*near))


def test_validation_shows_last_and_best(filled: Filled) -> None:
    """The table has the last, the highest and the lowest accuracy of rank 0."""
    values = [each["tags"]["accuracy"] for each in filled.records(0, "val")]
    found = filled.panel("run", "Last and best")
    shown = [float(found[ref].shown) for ref in "ABC"]
    # between two steps of a graph the last value alone counts
    assert shown[0] == pytest.approx(values[-1])
    assert min(values) <= shown[2] <= shown[0] <= shown[1] <= max(values)


def test_the_log_is_the_files(filled: Filled) -> None:
    """The log panel shows each line of the picked ranks once; those of ranks above 0 say so."""
    (answer,) = filled.panel("run", "Log").values()
    shown = sorted(text for series in answer.series for _, text in series.points)
    prefix = {0: "", 1: "[rank 1] "}
    assert shown == sorted(prefix[line["rank"]] + line["event"] for line in filled.digits)


def test_everything_that_was_produced_is_somewhere(filled: Filled) -> None:
    """The table of the pipeline adds up for each signal, and nothing was refused, rejected or set aside."""
    found = filled.panel("pipeline", "Where everything went")
    table = {
        ref: {each.labels["signal"]: int(each.points[-1][1]) for each in answer.series}
        for ref, answer in found.items()
    }
    for signal in ("metrics", "logs", "traces"):
        produced, waiting, delivered, *lost = (table[ref][signal] for ref in "ABCDEF")
        assert produced == waiting + delivered + sum(lost)
        assert delivered > 0
        assert lost == [0, 0, 0]
    assert table["A"]["logs"] >= len(filled.digits)


def test_ranks_are_told_apart_only_when_picked(filled: Filled) -> None:
    """While all ranks are chosen a graph has aggregates alone, so that ten thousand ranks cost three lines."""
    variable = next(each for each in dashboard("ranks")["templating"]["list"] if each["name"] == "rank")
    values: Values = {**chosen(filled.stores, "digits", ["0"]), "rank": [variable["allValue"]]}
    found = list(answers(filled.stores, values, ("ranks",)))
    spread = {each.query.ref: each.series for each in found if each.query.panel == "Time a step, spread"}
    assert {ref: len(series) for ref, series in spread.items()} == {"A": 1, "B": 1, "C": 1, "D": 0}
    assert len(filled.panel("ranks", "Time a step, spread")["D"].series) == 2


@pytest.mark.parametrize(
    ("world_size", "rows"),
    [
        (12, [f"{rank:02}" for rank in range(12)]),
        (120, [f"{ten:02}x" for ten in range(12)]),
        (10_000, ["000xx", "001xx"]),
    ],
)
def test_ranks_are_folded_into_rows(filled: Filled, world_size: int, rows: list[str]) -> None:
    """A heat map has a row a rank for few ranks, one for ten or for a hundred where there are many."""
    run_id = f"fleet-{world_size}"
    send_memory(Prometheus(filled.stores.prometheus), run_id, min(world_size, 120), world_size)
    query = filled.panel("ranks", "Memory, by rank")["A"].query.text.replace('"run-7"', json.dumps(run_id))
    found = Prometheus(filled.stores.prometheus).query(query)
    assert sorted(each["metric"]["row"] for each in found) == rows
