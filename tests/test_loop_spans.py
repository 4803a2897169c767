"""The spans of a run and its loops."""

from pathlib import Path

from tests.conftest import MakeRun
from tests.journals import read_journals


def test_loop_spans(make_run: MakeRun, tmp_path: Path) -> None:
    """Run, train, epoch, val and checkpoint nest, in one trace."""
    with make_run() as run:
        for _epoch in run.epochs(1):
            for value in run.train(range(2)):
                run.log(loss=value)
            for value in run.val(range(2)):
                run.log(acc=value)
            with run.checkpoint(tmp_path / "a.pt") as path:
                path.write_text("x")
    spans = read_journals(tmp_path).spans
    names = {span.span_id: span.name for span in spans}
    assert {span.name: names.get(span.parent_id, "") for span in spans} == {
        "mmlog.run": "",
        "mmlog.train": "mmlog.run",
        "mmlog.epoch": "mmlog.train",
        "mmlog.val": "mmlog.epoch",
        "mmlog.checkpoint.save": "mmlog.epoch",
    }
    assert len({span.trace_id for span in spans}) == 1
    assert len(spans) == 5
    assert all(span.start_ns <= span.end_ns for span in spans)


def test_records_are_inside_their_spans(make_run: MakeRun, tmp_path: Path) -> None:
    """A record's log record carries the ids of the epoch's span; a val summary those of what surrounds its loop."""
    with make_run(interval=1) as run:
        for _epoch in run.epochs(1):
            for value in run.train(range(1)):
                run.log(loss=value)
    journals = read_journals(tmp_path)
    epoch = next(span for span in journals.spans if span.name == "mmlog.epoch")
    (record,) = [log for log in journals.logs if log.event_name == "mmlog.train.iter"]
    assert (record.trace_id, record.span_id) == (epoch.trace_id, epoch.span_id)
