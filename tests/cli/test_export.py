"""``otel-mmlog export --openmetrics``: what it writes, what it says, and what it leaves alone."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_mmlog.cli.main import main
from otel_mmlog.cli.openmetrics.spool import SampleSpool
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.prometheus import PROMOTED
from otel_mmlog.sender.quarantine import put_aside
from tests.cli.conftest import MakeJournal
from tests.journals import read_journals
from tests.otel.telemetry import NOW_NS, make_encoder, make_record

SEGMENT = "20260821T025841_123456-9f86d081.0000.jsonl"
LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\} (\S+) (\d+\.\d{3})")


def export(*arguments: object) -> Result:
    """``otel-mmlog export ...`` in this process, its stdout and stderr apart."""
    return CliRunner().invoke(main, ["export", *map(str, arguments)], prog_name="otel-mmlog")


def journal(work_dir: Path, *lines: bytes, name: str = SEGMENT, rank: int = 0) -> Path:
    """A segment in the journal of a rank below a work_dir; returns its folder."""
    folder = work_dir / "otlp" / f"rank{rank:04d}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"".join(lines))
    return folder


def data(lines: Sequence[EncodedLine]) -> bytes:
    return b"".join(line.data for line in lines)


def loss(value: float, **attributes: Any) -> bytes:
    """The line of a record with one loss."""
    encoder = make_encoder(point_attributes=attributes)
    return data(encoder.metrics_lines(make_record({"loss": value})))


def samples(text: str) -> list[tuple[str, str]]:
    """Name and value of each sample, in their order."""
    found = [LINE.fullmatch(line) for line in text.splitlines() if not line.startswith("#")]
    return [(match[1], match[3]) for match in found if match]


def test_text_is_these_characters(tmp_path: Path) -> None:
    """Families in order, each under its type, then the series; times in seconds, NaN as OpenMetrics has it."""
    resource = {"service.name": 'my "exp"\n', "service.instance.id": "i", "world_size": 8, "team": "vision"}
    encoder = make_encoder(resource=resource, point_attributes={"rank": 3, "path": "a\\b"})
    tags = {"time": 0.1, "loss": math.nan, "up": math.inf, "down": -math.inf, "iter": 7}
    journal(
        tmp_path, data(encoder.metrics_lines(make_record(tags))), data(encoder.stale_lines(NOW_NS + 10**9))
    )
    result = export("--openmetrics", tmp_path)
    assert result.exit_code == 0, result.output
    labels = (
        r'instance="i",job="my \"exp\"\n",method="current",path="a\\b",rank="3",'
        r'service_name="my \"exp\"\n",window="1",world_size="8"'
    )
    expected = [("down", "-Inf"), ("iter", "7.0"), ("loss", "NaN"), ("time_seconds", "0.1"), ("up", "+Inf")]
    assert result.stdout == (
        "".join(
            f"# TYPE mmlog_train_{name} gauge\nmmlog_train_{name}{{{labels}}} {value} 1700000000.123\n"
            for name, value in expected
        )
        + "# EOF\n"
    )


def test_everything_in_the_journals_is_written(tmp_path: Path) -> None:
    """All ranks and runs below the folders, with open segments and what was set aside; nothing is removed."""
    for run, rank, value in (("first", 0, 1.0), ("first", 11000, 2.0), ("second", 0, 3.0)):
        journal(tmp_path / run, loss(value, rank=rank, run=run), rank=rank)
    torn = b'{"resourceMetrics":[{"resou'
    folder = journal(tmp_path / "second", loss(4.0, rank=1), torn, name=f"{SEGMENT}.part", rank=1)
    put_aside(folder, "metrics", [loss(5.0, rank=2)], "no", NOW_NS)
    put_aside(folder, "logs", [b'{"resourceLogs":[]}\n'], "no", NOW_NS)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl*")}
    out = tmp_path / "all.om"
    result = export("--openmetrics", tmp_path / "first", tmp_path / "second", "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert sorted(value for _, value in samples(out.read_text())) == ["1.0", "2.0", "3.0", "4.0", "5.0"]
    assert result.stderr == "5 samples of 5 series.\n"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl*")} == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["all.om"]


def test_run_that_was_closed(make_journal: MakeJournal) -> None:
    """Every point of a real run is a sample, but for the ends of series and those that share a millisecond."""
    work_dir = make_journal("run", 1.0)
    points = [point for point in read_journals(work_dir, health=True).points if not point.flags]
    result = export("--openmetrics", work_dir)
    assert len(samples(result.stdout)) == len(points)
    assert ("mmlog_train_loss", "1.0") in samples(result.stdout)


def test_doubles_and_broken_lines(tmp_path: Path) -> None:
    """A point that is there twice is written once, the first value stays; torn and foreign lines are counted."""
    journal(
        tmp_path, loss(1.0), b'{"resourceMetrics":[{"re\n', loss(2.0), b'{"resourceMetrics":[1]}\n', b"\xff\n"
    )
    result = export("--openmetrics", tmp_path)
    assert samples(result.stdout) == [("mmlog_train_loss", "1.0")]
    assert "1 samples were there before" in result.stderr
    assert "3 torn or corrupt lines skipped" in result.stderr


def test_numbers_that_are_too_large(tmp_path: Path) -> None:
    """A time or a value beyond 64 bits is a corrupt line, and costs no other."""
    late = loss(2.0).replace(b'"timeUnixNano":"', b'"timeUnixNano":"1234567890123456789012345678901')
    large = loss(3.0).replace(b'"asDouble":3.0', b'"asDouble":1' + b"0" * 400)
    assert late != loss(2.0)
    assert large != loss(3.0)
    journal(tmp_path, late, large, loss(1.0))
    result = export("--openmetrics", tmp_path)
    assert samples(result.stdout) == [("mmlog_train_loss", "1.0")]
    assert "2 torn or corrupt lines skipped" in result.stderr


def test_what_text_cannot_hold_is_told(tmp_path: Path) -> None:
    """Exponential histograms and deltas are left out, with their number."""
    point = '"dataPoints":[{"timeUnixNano":"1"}]'
    delta = f'{{"name":"n","sum":{{"aggregationTemporality":1,"isMonotonic":true,{point}}}}}'
    wide = f'{{"name":"w","exponentialHistogram":{{"aggregationTemporality":2,{point}}}}}'
    request = f'{{"resourceMetrics":[{{"resource":{{}},"scopeMetrics":[{{"metrics":[{delta},{wide}]}}]}}]}}\n'
    journal(tmp_path, request.encode(), loss(1.0))
    result = export("--openmetrics", tmp_path)
    assert samples(result.stdout) == [("mmlog_train_loss", "1.0")]
    assert "1 of kind exponentialHistogram, 1 of kind sum" in result.stderr


def test_output_that_exists(tmp_path: Path) -> None:
    """Nothing is overwritten: an error that names the file."""
    journal(tmp_path, loss(1.0))
    out = tmp_path / "there.om"
    out.write_text("mine")
    result = export("--openmetrics", tmp_path, "-o", out)
    assert result.exit_code == 2
    assert f"{out} exists" in result.stderr
    assert out.read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b'{"resourceLogs":[]}\n'])
def test_no_metrics_is_an_error(tmp_path: Path, content: bytes) -> None:
    """A journal without points, as after its delivery, makes no file."""
    journal(tmp_path, content)
    result = export("--openmetrics", tmp_path, "-o", tmp_path / "out.om")
    assert result.exit_code == 1
    assert "no metrics" in result.stderr
    assert not list(tmp_path.glob("*out.om*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--openmetrics", "nowhere"], "nowhere does not exist"),
        (["--openmetrics", "."], "there is no journal in ."),
        (["."], "--openmetrics"),
        (["--openmetrics"], "Missing argument"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    """An error says what was wrong and what to give."""
    monkeypatch.chdir(tmp_path)
    result = export(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    """An output that cannot be made is an error with its name, and no traceback."""
    journal(tmp_path, loss(1.0))
    result = export("--openmetrics", tmp_path, "-o", tmp_path / "no" / "out.om")
    assert result.exit_code == 1
    assert "No such file or directory" in result.stderr


def test_help_says_how_to_go_on() -> None:
    """The help has promtool's command."""
    result = export("--help")
    assert "promtool tsdb create-blocks-from openmetrics" in result.stdout


def test_promoted_labels_are_those_of_the_configuration() -> None:
    """What the command promotes is what Prometheus is told to promote."""
    config = Path(__file__).parents[2] / "collector-config" / "prometheus" / "prometheus.yaml"
    listed = re.search(r"promote_resource_attributes:\n((?: +- .+\n)+)", config.read_text())
    assert listed is not None
    assert re.findall(r"- (\S+)", listed[1]) == list(PROMOTED)


ARRIVALS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20), st.floats()), max_size=300)


@settings(deadline=None, max_examples=60)
@given(ARRIVALS, st.randoms())
def test_spool_sorts_by_series_and_time(arrivals: list[tuple[int, int, float]], random: Any) -> None:
    """Whatever the order of arrival: each series in its turn, times go up, the first of equal times stays."""
    order = sorted({series for series, _, _ in arrivals})
    random.shuffle(order)
    expected: dict[int, dict[int, float]] = {number: {} for number in order}
    for series, time_ms, value in arrivals:
        expected[series].setdefault(time_ms, value)
    spool = SampleSpool(chunk=7)
    try:
        for arrival in arrivals:
            spool.add(*arrival)
        found = [(number, times.tolist(), values.tolist()) for number, times, values in spool.series(order)]
    finally:
        spool.close()
    wanted = [
        (number, sorted(of), [of[time_ms] for time_ms in sorted(of)]) for number, of in expected.items()
    ]
    assert repr(found) == repr(wanted)
