"""A run that is killed and goes on from an earlier step: its attempts stay apart, and readers show the later one."""

import re
import shutil
import signal
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from otel_mmlog.testing import FakeReceiver
from tests.end_to_end.backends import Prometheus, get_json
from tests.end_to_end.chain import prometheus_store, running
from tests.end_to_end.grafana_queries import STEP_S, Values, fill, queries
from tests.end_to_end.panel_answers import Stores, chosen
from tests.end_to_end.servers import wait_until
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import on_disk, taken
from tests.faults.outcome import Outcome, Sums, conserved, unless
from tests.faults.training import ENDPOINT, send, wait_for_senders
from tests.journals import records
from tests.processes import run_python

RUNS = {0: range(1, 11), 1: range(5, 9), 2: range(5, 13)}
"""The iterations that each attempt makes: all but the last are killed, all but the first go on behind iteration 4."""
CHECKPOINT = 4
FIRST_LOSS = 9000
"""A later attempt's losses are 1,000 lower, those of a step 1 higher, so that each tells where it is from."""
LOSSES = {
    attempt: [FIRST_LOSS - 1000.0 * attempt + step for step in steps] for attempt, steps in RUNS.items()
}
PRODUCED = sum(map(len, LOSSES.values()))

ATTEMPT = """
import os, pickle, signal, sys, time
import otel_mmlog
work_dir, attempt, last, pause_s = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
state = os.path.join(work_dir, "state.pickle")
run = otel_mmlog.init("tmp", work_dir=work_dir, interval=1, console=False, resume=attempt > 0,
    custom_cfg=[{"data_src": "loss", "method_name": "current"}])
def train(steps):
    for step in run.train(steps):
        time.sleep(pause_s)
        run.log(loss=9000.0 - 1000 * attempt + step)
if attempt == 0:
    train(range(1, CHECKPOINT + 1))
    with open(state, "wb") as file:
        pickle.dump(run.state_dict(), file)
else:
    with open(state, "rb") as file:
        run.load_state_dict(pickle.load(file))
train(range(CHECKPOINT + 1, last + 1))
if attempt != LAST:
    os.kill(os.getpid(), signal.SIGKILL)
run.close()
""".replace("CHECKPOINT", str(CHECKPOINT)).replace("LAST", str(max(RUNS)))

SAMPLE = re.compile(r'^mmlog_train_loss\{.*mmlog_run_attempt="(\d+)".*\} (\S+) ', re.MULTILINE)
EXPORT = "from otel_mmlog.cli.main import main; import sys; main(sys.argv[1:])"


def train(work_dir: Path, variables: Mapping[str, str] | None = None, pause_s: float = 0.0) -> list[str]:
    """Make all attempts, one after the other; returns what is wrong with how they ended."""
    wrong = []
    for attempt, steps in RUNS.items():
        done = run_python(ATTEMPT, work_dir, attempt, steps[-1], pause_s, env=variables)
        expected = 0 if attempt == max(RUNS) else -signal.SIGKILL
        said = f"attempt {attempt} ended with {done.returncode}: {done.stderr[-300:]}"
        wrong += unless(done.returncode == expected, said)
    return wrong


def losses_of(receiver: FakeReceiver) -> dict[int, list[float]]:
    """The losses that a receiver took, by attempt."""
    found: dict[int, list[float]] = defaultdict(list)
    for point in receiver.points("mmlog.train.loss"):
        if point.value is not None and not point.flags:
            found[point.attributes["mmlog.run.attempt"]].append(float(point.value))
    return found


def sums_of(delivered: Mapping[int, Sequence[float]], left: int = 0) -> Sums:
    """The losses that arrived, by attempt, beside those that were logged."""
    expected = Counter((attempt, loss) for attempt, losses in LOSSES.items() for loss in losses)
    found = Counter((attempt, loss) for attempt, losses in delivered.items() for loss in losses)
    return Sums(
        PRODUCED,
        delivered=len(found),
        in_journal=left,
        repeated=found.total() - len(found),
        double=len(found.keys() - expected.keys()),
    )


def sent_live(context: Context) -> Outcome:
    """Each attempt has a sender; all points arrive as those of the attempt that made them, in a trace of its own."""
    work_dir = context.folder / "run"
    with FakeReceiver() as receiver:
        wrong = train(work_dir, {ENDPOINT: receiver.http_endpoint})
        wait_for_senders(work_dir)
        delivered = losses_of(receiver)
        run_ids = {point.attributes["mmlog.run.id"] for point in receiver.points("mmlog.train.loss")}
        traces = {span.trace_id for span in receiver.spans()}
    sums = sums_of(delivered, len(on_disk(work_dir.glob("otlp/rank*/*.jsonl*"))["metrics"]))
    wrong += conserved(sums)
    wrong += unless(delivered == LOSSES, f"the attempts' losses arrived as {delivered}")
    wrong += unless(len(run_ids) == 1, f"one run has the ids {sorted(run_ids)}")
    wrong += unless(len(traces) == len(RUNS), f"{len(RUNS)} attempts have {len(traces)} traces")
    steps = [(each["attempt"], each["iter"]) for each in records(work_dir)]
    expected = [(attempt, step) for attempt, made in RUNS.items() for step in made]
    wrong += unless(steps == expected, f"the JSON file has the steps {steps}")
    return Outcome(sums, wrong=wrong)


def read_later(context: Context) -> Outcome:
    """Without an endpoint: ``export`` and then ``send`` keep the attempts of the journals apart."""
    work_dir, file = context.folder / "run", context.folder / "run.om"
    wrong = train(work_dir, pause_s=0.005)  # a sample a millisecond is what the text can hold
    done = run_python(EXPORT, "export", "--openmetrics", work_dir, "-o", file)
    wrong += unless(done.returncode == 0, f"export failed: {done.stderr[-300:]}")
    exported: dict[int, list[float]] = defaultdict(list)
    for attempt, value in SAMPLE.findall(file.read_text() if file.exists() else ""):
        exported[int(attempt)].append(float(value))
    wrong += unless(exported == LOSSES, f"the export has the losses {dict(exported)}")
    with FakeReceiver() as receiver:
        sent = send(work_dir, receiver.http_endpoint)
        wrong += unless(sent.returncode == 0, f"sending failed: {sent.stderr[-300:]}")
        delivered = losses_of(receiver)
        arrived = taken(receiver)
    wrong += unless(delivered == LOSSES, f"the attempts' losses arrived as {delivered}")
    wrong += unless(max(arrived["metrics"].values()) == 1, "a point was sent twice")
    sums = sums_of(delivered)
    return Outcome(sums, wrong=[*wrong, *conserved(sums)])


def shown(context: Context) -> Outcome:
    """The dashboards' queries, asked of a real Prometheus: at each moment, and against the step, the later attempt."""
    if shutil.which("prometheus") is None:
        return Outcome(note="not made: prometheus is not on PATH")
    work_dir = context.folder / "run"
    store = prometheus_store(context.folder / "prometheus")
    with running(store.program):
        variables = {
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": store.prometheus.endpoint,
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_TRACES_EXPORTER": "none",
        }
        wrong = train(work_dir, variables, pause_s=0.25)
        stored = wait_until(lambda: len(store.prometheus.samples("mmlog_train_loss")) == PRODUCED, 20)
        wrong += unless(stored, "Prometheus does not have each loss of each attempt")
        values = chosen(Stores(store.prometheus.url, "", ""), "tmp", ["0"])
        made = records(work_dir)
        wrong += _wrong_numbers(store.prometheus, values, made)
        wrong += _wrong_curve(store.prometheus, values, made)
    return Outcome(Sums(PRODUCED, delivered=PRODUCED if stored else 0), wrong=wrong)


def _wrong_numbers(prometheus: Prometheus, values: Values, made: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the panels of single numbers a moment after each record."""
    wrong = []
    for record in made:
        moment = str(_seconds(record) + 0.1)
        expected = {
            ("run", "Iteration", "A"): record["iter"],
            ("run", "Loss", "A"): record["tags"]["loss"],
            ("ranks", "Iterations apart", "A"): 0,
            ("ranks", "Iteration", "A"): record["iter"],
            ("ranks", "Loss, spread", "B"): record["tags"]["loss"],
            ("ranks", "Stragglers", "D"): record["iter"],
        }
        for panel, value in expected.items():
            url = f"{prometheus.url}/api/v1/query"
            found = get_json(url, query=_text(panel, values), time=moment)["data"]["result"]
            numbers = [float(each["value"][1]) for each in found]
            where = f"{panel[1]!r} at iteration {record['iter']} of attempt {record['attempt']}"
            wrong += unless(numbers == [value], f"{where} shows {numbers}")
    return wrong


def _wrong_curve(prometheus: Prometheus, values: Values, made: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the graph of the loss against the step, over the whole run."""
    start, end = int(_seconds(made[0])) - 2, int(_seconds(made[-1])) + 5
    curves: dict[str, dict[tuple[str, float], float]] = {}
    for ref in "AB":
        ask = {"query": _text(("run", "Loss against step", ref), values), "step": str(STEP_S)}
        url = f"{prometheus.url}/api/v1/query_range"
        found = get_json(url, **ask, start=str(start), end=str(end))["data"]["result"]
        curves[ref] = {
            (each["metric"]["mmlog_run_attempt"], moment): float(value)
            for each in found
            for moment, value in each["values"]
        }
    wrong = unless(
        curves["A"].keys() == curves["B"].keys(), "iterations and losses are not of the same moments"
    )
    last = max(RUNS)
    for (attempt, moment), step in curves["A"].items():
        is_last = int(attempt) == (last if step > CHECKPOINT else 0)
        wrong += unless(is_last, f"against the step, attempt {attempt} is shown at iteration {step:.0f}")
        loss = curves["B"].get((attempt, moment))
        wrong += unless(
            loss == FIRST_LOSS - 1000 * int(attempt) + step,
            f"{loss} is shown as the loss at iteration {step:.0f}",
        )
    attempts = {int(attempt) for attempt, _ in curves["A"]}
    return wrong + unless(attempts == {0, last}, f"against the step, the attempts {attempts} are shown")


def _seconds(record: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(record["ts"].replace("Z", "+00:00")).timestamp()


def _text(panel: tuple[str, str, str], values: Values) -> str:
    board, title, ref = panel
    (query,) = [each for each in queries(board) if (each.panel, each.ref) == (title, ref)]
    return fill(query.text, values)


FAULTS: Sequence[Fault] = named(
    "restart",
    [
        Fault("from-an-earlier-step", sent_live),
        Fault("read-later", read_later),
        Fault("on-dashboards", shown),
    ],
)
