"""What a run tells of its own journal and sender, next to its records."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_mmlog.otel.semconv import OWN_METRIC_PREFIXES
from otel_mmlog.testing import FakeReceiver
from tests.conftest import MakeRun
from tests.journals import read_journals
from tests.training import train

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver() as running:
        yield running


def last_told(points: list[Any]) -> dict[tuple[str, ...], float]:
    """The last value of each series about the journal and the sender, by name, signal and reason."""
    return {
        (
            point.name,
            *(str(point.attributes[key]) for key in ("signal", "reason") if key in point.attributes),
        ): (point.value)
        for point in points
        if point.name.startswith(OWN_METRIC_PREFIXES) and not point.flags
    }


def test_journal_alone(make_run: MakeRun, tmp_path: Path) -> None:
    """Without an endpoint a run ends with what its journal was given and how large it is, and tells of no delivery."""
    with make_run(interval=1) as run:
        train(run, 5)
        run.flush()
        size_bytes = sum(path.stat().st_size for path in tmp_path.glob("otlp/rank0000/*"))
    found = read_journals(tmp_path, health=True)
    told = last_told(found.points)
    own = [point for point in found.points if point.name.startswith(OWN_METRIC_PREFIXES)]
    assert told["mmlog.journal.produced", "metrics"] == len(found.points) - len(own)
    assert told["mmlog.journal.produced", "traces"] == len(found.spans)
    assert told["mmlog.journal.produced", "logs"] == len(found.logs) - 2  # the closing lines come behind
    assert size_bytes < told["mmlog.journal.size",] < size_bytes + 20_000
    assert {name for name, *_ in told} == {"mmlog.journal.produced", "mmlog.journal.size"}


def test_all_that_was_produced_is_accounted_for(
    make_run: MakeRun, tmp_path: Path, receiver: FakeReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end all that was given to the journal is told as delivered, and what tells so arrives too."""
    monkeypatch.setenv(ENDPOINT, receiver.http_endpoint)
    monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "20")
    run = make_run(interval=1)
    train(run, 5)
    run.logger.info("done")
    assert run.close()
    told = last_told(receiver.points())
    for signal in ("metrics", "logs", "traces"):
        assert told["mmlog.delivery.delivered", signal] == told["mmlog.journal.produced", signal] > 0
        assert told["mmlog.delivery.rejected", signal] == told["mmlog.delivery.quarantined", signal] == 0
    assert told["mmlog.delivery.backlog",] == told["mmlog.delivery.lag",] == 0
    own = [point for point in receiver.points() if point.name.startswith(OWN_METRIC_PREFIXES)]
    assert told["mmlog.delivery.delivered", "metrics"] == len(receiver.points()) - len(own)
    assert [point.flags for point in own if point.name == "mmlog.delivery.lag"] == [0, 1]
    delivered = next(line for line in run.files[0].read_text().splitlines() if "Delivered: " in line)
    assert f"Delivered: {told['mmlog.delivery.delivered', 'metrics']:.0f} points" in delivered


def test_rejections(make_run: MakeRun, receiver: FakeReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server drops is told as rejected, and is not among the delivered."""
    monkeypatch.setenv(ENDPOINT, receiver.http_endpoint)
    monkeypatch.setenv("OTEL_MMLOG_CLOSE_TIMEOUT", "20")
    run = make_run(interval=5)
    receiver.answer(200, rejected=3, times=1, signal="metrics")
    train(run, 5)
    assert run.close()
    told = last_told(receiver.points())
    assert told["mmlog.delivery.rejected", "metrics"] == 3
    assert told["mmlog.delivery.delivered", "metrics"] == told["mmlog.journal.produced", "metrics"] - 3
    assert told["mmlog.delivery.rejected", "logs"] == 0


def test_refusals(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the journal has no room for is told with the reason, and a zero before it."""
    monkeypatch.setenv("OTEL_MMLOG_JOURNAL_MAX_BYTES", str(1024 * 1024))
    with make_run(log_level="DEBUG", console=False) as run:
        for _ in range(1000):
            run.logger.debug("x" * 1000)
    found = read_journals(tmp_path, health=True)
    refused = [point for point in found.points if point.name == "mmlog.journal.refused" and not point.flags]
    assert [point.attributes["reason"] for point in refused] == ["cap", "cap"]
    assert refused[0].value == 0
    told = last_told(found.points)
    lost = told["mmlog.journal.refused", "logs", "cap"]
    assert 400 < lost < 1000
    assert told["mmlog.journal.produced", "logs"] == lost + len(found.logs) - 2  # and two closing lines


def test_switched_off(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without metrics there is nothing of this either."""
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    with make_run() as run:
        train(run)
    assert read_journals(tmp_path, health=True).points == []
