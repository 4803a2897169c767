"""What real processes with faults make the users' rules fire on a real Prometheus: their alerts, and no others."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.end_to_end.backends import Prometheus, answers, get_json
from tests.end_to_end.chain import CONFIGS, Program, running
from tests.end_to_end.fast_clocks import LEAD_S, RankPlan, fast_runs
from tests.end_to_end.servers import free_port, program, wait_until
from tests.processes import run_python

SEND = "import sys; from otel_mmlog.cli.main import main; main(sys.argv[1:], 'otel-mmlog')"
WELL = (RankPlan(), RankPlan())
FAULTY = (RankPlan(), RankPlan(step_s=0.06), RankPlan(stops_s=1.2), RankPlan(diverges=True))
# trains for a minute of its own time, and is then stopped for a little more than four
STUCK = (
    RankPlan(delay_s=LEAD_S - 3.1, beside="1"),
    RankPlan(delay_s=LEAD_S - 3.1, beside="0", stops_s=LEAD_S - 2.5),
)
Alert = tuple[str, str, str]


@pytest.fixture
def alerting(tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus with the users' configuration and rules, which it evaluates each second."""
    config = tmp_path / "prometheus.yaml"
    text = (CONFIGS / "prometheus" / "prometheus.yaml").read_text()
    rules = CONFIGS / "prometheus" / "rules.yaml"
    config.write_text(
        text.replace("evaluation_interval: 15s", "evaluation_interval: 1s").replace("rules.yaml", str(rules))
    )
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        program("prometheus"),
        f"--config.file={config}",
        "--storage.tsdb.path=tsdb",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--web.enable-otlp-receiver",
    ]
    with running(Program(command, tmp_path / "prometheus", lambda _: answers(f"{url}/-/ready"))):
        yield Prometheus(url)


def send(work_dirs: Path, server: Prometheus) -> None:
    """Send what the journals below a folder hold by now, and wait until every rule was evaluated with it."""
    sent = run_python(SEND, "send", work_dirs, env={"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": server.endpoint})
    assert "Traceback" not in sent.stderr, sent.stderr
    sent_s = time.time()
    assert wait_until(lambda: evaluated_s(server) > sent_s + 1, 20, poll_s=0.2)


def evaluated_s(server: Prometheus) -> float:
    """Unix time at which the group of rules that waits longest was evaluated."""
    groups = get_json(f"{server.url}/api/v1/rules")["data"]["groups"]
    assert groups
    assert all(rule["health"] == "ok" for group in groups for rule in group["rules"]), groups
    return min(datetime.fromisoformat(_micros(group["lastEvaluation"])).timestamp() for group in groups)


def firing(server: Prometheus) -> set[Alert]:
    """Name, run and, where it has one, rank or metric of each alert that fires."""
    alerts = get_json(f"{server.url}/api/v1/alerts")["data"]["alerts"]
    labels = [each["labels"] for each in alerts if each["state"] == "firing"]
    return {
        (each["alertname"], each["service_name"], each.get("rank") or each.get("metric", ""))
        for each in labels
    }


def _micros(moment: str) -> str:
    """An RFC 3339 time with nanoseconds as every Python reads it."""
    date, _, rest = moment.partition(".")
    return f"{date}+00:00" if not rest else f"{date}.{rest.rstrip('Z')[:6]:0<6}+00:00"


def test_faults_fire_their_alerts_and_no_others(alerting: Prometheus, tmp_path: Path) -> None:
    """A NaN, a rank three times as slow, a stopped rank and a stopped run are told; a run that is well is not."""
    work_dirs = tmp_path / "work"
    work_dirs.mkdir()
    with fast_runs(work_dirs, well=WELL, faulty=FAULTY, stuck=STUCK) as runs:
        send(work_dirs, alerting)
        assert firing(alerting) == {
            ("MmlogLossNotFinite", "faulty", "mmlog_train_loss"),
            ("MmlogStraggler", "faulty", "1"),
            ("MmlogRankMissing", "faulty", ""),
            ("MmlogRunStalled", "stuck", ""),
        }
        for run in runs:
            run.end()
        send(work_dirs, alerting)
        assert firing(alerting) == {("MmlogLossNotFinite", "faulty", "mmlog_train_loss")}
