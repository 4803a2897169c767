"""Spans of a process that was killed, ended from what its last segment says."""

from pathlib import Path

from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.recovery import recover
from tests.end_to_end.otlp_files import read_otlp
from tests.processes import run_python

KILLED = """
import os, sys
from pathlib import Path
from otel_mmlog.otel.journal import Journal
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.otel.tracing import start_tracing
from tests.otel.telemetry import RESOURCE, make_encoder
journal = Journal(Path(sys.argv[1]), settings=JournalSettings(segment_bytes=20_000, min_free_bytes=0))
tracing = start_tracing(
    RESOURCE, journal.append, encoder=make_encoder(), run_id="r", attempt=0, rank=0, world_size=1
)
journal.preface = tracing.open_starts
train = tracing.spans.open("mmlog.train", {"epochs": 3})
for epoch in range(30):
    tracing.spans.open("mmlog.epoch", {"epoch": epoch}).close()
tracing.spans.open("mmlog.val")
os.kill(os.getpid(), 9)
"""


def test_the_last_segment_alone_knows_every_open_span(tmp_path: Path) -> None:
    """Where all earlier segments were delivered and removed, run, train and val are still ended, once each."""
    assert run_python(KILLED, tmp_path).returncode == -9
    segments = sorted(tmp_path.iterdir())
    assert len(segments) > 2
    for delivered in segments[:-1]:
        delivered.unlink()
    journal = Journal(tmp_path)
    assert recover(tmp_path, journal.append).spans == 3
    journal.close()
    ended = [
        span for span in read_otlp(*tmp_path.iterdir()).spans if span.attributes.get("mmlog.span.synthesized")
    ]
    assert sorted(span.name for span in ended) == ["mmlog.run", "mmlog.train", "mmlog.val"]
    assert {span.status for span in ended} == {2}
    assert {span.attributes.get("epochs") for span in ended} == {None, 3}
