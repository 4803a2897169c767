import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.context import attach
from opentelemetry.trace import INVALID_SPAN, set_span_in_context, use_span

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.record import TraceRef
from otel_mmlog.otel.identity import rank_trace_id, root_span_id, run_trace_id
from otel_mmlog.otel.lines import EncodedLine
from otel_mmlog.otel.spans import current_trace
from otel_mmlog.otel.tracing import Tracing, start_tracing
from tests.otel.telemetry import RESOURCE, all_items, attributes, make_encoder

TRACE = f"{run_trace_id('run', 1):032x}"
ROOT = f"{root_span_id('run', 1):016x}"


class Journal:
    """Runs one rank's tracing and keeps its lines."""

    def __init__(self, rank: int = 0, world_size: int = 2, **options: Any) -> None:
        self.lines: list[EncodedLine] = []
        self.encoder = make_encoder()
        self.tracing: Tracing = start_tracing(
            RESOURCE,
            self.lines.append,
            encoder=self.encoder,
            run_id="run",
            attempt=1,
            rank=rank,
            world_size=world_size,
            **options,
        )
        self.spans = self.tracing.spans

    def ended(self) -> dict[str, dict[str, Any]]:
        """Return name -> span for every span that was journalled whole."""
        return {item["name"]: item for item in all_items([x for x in self.lines if x.signal == "traces"])}

    def started(self) -> list[dict[str, Any]]:
        """Return the start events."""
        return all_items([x for x in self.lines if x.signal == "logs"])


@pytest.fixture(autouse=True)
def _own_context() -> Iterator[None]:
    """Leave no span current behind, whatever a test does."""
    yield
    attach(set_span_in_context(INVALID_SPAN))


def test_rank_0_emits_the_derived_root() -> None:
    """Its ids follow from the run id and the attempt; it has no parent."""
    journal = Journal(rank=0)
    journal.spans.end_all()
    span = journal.ended()["mmlog.run"]
    assert (span["traceId"], span["spanId"]) == (TRACE, ROOT)
    assert "parentSpanId" not in span
    assert "status" not in span or not span["status"]


def test_other_ranks_are_children_of_the_root() -> None:
    """All ranks are in one trace without having spoken."""
    journal = Journal(rank=5, world_size=64)
    journal.spans.end_all()
    span = journal.ended()["mmlog.run"]
    assert (span["traceId"], span["parentSpanId"]) == (TRACE, ROOT)
    assert span["spanId"] != ROOT


def test_above_64_ranks_a_rank_has_its_own_trace_with_a_link() -> None:
    """A trace of ten thousand ranks is one that no server opens."""
    journal = Journal(rank=5, world_size=65)
    journal.spans.end_all()
    span = journal.ended()["mmlog.run"]
    assert span["traceId"] == f"{rank_trace_id('run', 1, 5):032x}"
    assert "parentSpanId" not in span
    assert [(link["traceId"], link["spanId"]) for link in span["links"]] == [(TRACE, ROOT)]


def test_spans_nest_as_they_are_opened() -> None:
    """Each is the parent of the next, and current while it is open."""
    journal = Journal()
    train = journal.spans.open("mmlog.train")
    epoch = journal.spans.open("mmlog.epoch", {"epoch": 1})
    with journal.spans.open("mmlog.val"):
        assert current_trace() is not None
    epoch.set({"loss": 0.5})
    epoch.close()
    again = journal.spans.open("mmlog.epoch")
    again.close()
    train.close()
    ended = journal.ended()
    assert ended["mmlog.val"]["parentSpanId"] == journal.started()[2]["spanId"]
    assert ended["mmlog.epoch"]["parentSpanId"] == ended["mmlog.train"]["spanId"]
    assert ended["mmlog.train"]["parentSpanId"] == ROOT
    assert attributes(journal.started()[2]).keys() >= {"mmlog.span.name", "mmlog.span.parent_id"}


def test_a_span_lives_across_yields() -> None:
    """A loop's generator opens it; the caller's code between two batches is inside."""
    journal = Journal()

    def batches() -> Iterator[int]:
        with journal.spans.open("mmlog.train"):
            yield from range(2)

    inside = [current_trace() for _ in batches()]
    after = current_trace()
    train = int(journal.ended()["mmlog.train"]["spanId"], 16)
    assert [trace and trace.span_id for trace in inside] == [train, train]
    assert after == TraceRef(int(TRACE, 16), int(ROOT, 16), 1)


def test_a_generator_closed_in_another_context_ends_its_span(caplog: pytest.LogCaptureFixture) -> None:
    """As garbage collection or another thread may do, without a complaint."""
    journal = Journal()

    def batches() -> Iterator[int]:
        with journal.spans.open("mmlog.train"):
            yield 1

    loop = batches()
    next(loop)
    thread = threading.Thread(target=loop.close)  # type: ignore[attr-defined]
    thread.start()
    thread.join()
    assert "mmlog.train" in journal.ended()
    assert caplog.records == []


def test_closing_an_outer_span_ends_the_inner_ones_first() -> None:
    """After ``break`` the epoch is open when the run ends; a late close does nothing."""
    journal = Journal()
    train = journal.spans.open("mmlog.train")
    epoch = journal.spans.open("mmlog.epoch")
    train.close()
    names = [item["name"] for item in all_items([x for x in journal.lines if x.signal == "traces"])]
    assert names == ["mmlog.epoch", "mmlog.train"]
    assert current_trace() == TraceRef(int(TRACE, 16), int(ROOT, 16), 1)
    epoch.close()
    assert len(journal.ended()) == 2


def test_a_span_lasts_as_long_as_it_did_where_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set back an hour, or forward a day, in the middle of a span changes no duration."""
    right = time.time_ns
    for seconds in (-3600, 86_400):
        monkeypatch.setattr(time, "time_ns", right)
        journal = Journal()
        with journal.spans.open("inner"):
            monkeypatch.setattr(time, "time_ns", lambda seconds=seconds: right() + seconds * 1_000_000_000)
        journal.spans.end_all()
        for span in journal.ended().values():
            assert 0 < int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) < 60_000_000_000


def test_a_users_span_that_ends_before_it_starts_ends_at_its_start() -> None:
    """The SDK stamps both with the clock of the day, and some servers take the difference for centuries."""
    journal = Journal()
    assert journal.tracing.provider is not None
    journal.tracing.provider.get_tracer("mine").start_span("back", start_time=2_000).end(1_000)
    span = journal.ended()["back"]
    assert span["startTimeUnixNano"] == span["endTimeUnixNano"] == "2000"


def test_an_exception_ends_every_open_span_with_an_error() -> None:
    """The run's span says what it was and where."""
    journal = Journal()
    journal.spans.open("mmlog.train")
    with pytest.raises(ValueError, match="batch") as caught:
        int("bad \ud800 batch")
    journal.spans.end_all(caught.value)
    for span in journal.ended().values():
        assert span["status"] == {
            "code": 2,
            "message": f"ValueError: {caught.value}".replace("\ud800", "\ufffd"),
        }
        (event,) = span["events"]
        assert event["name"] == "exception"
        assert attributes(event)["exception.type"] == "ValueError"
        assert "test_spans.py" in attributes(event)["exception.stacktrace"]


def test_an_exception_that_cannot_be_printed_is_still_an_error() -> None:
    """Its ``__str__`` raises; the span ends all the same."""

    class MuteError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    journal = Journal()
    journal.spans.end_all(MuteError())
    assert journal.ended()["mmlog.run"]["status"]["message"].startswith("MuteError: <unprintable Mute")


def test_a_good_exit_is_no_error() -> None:
    """``sys.exit(0)`` ends a run well, ``sys.exit(3)`` does not."""
    good, bad = Journal(), Journal()
    good.spans.end_all(SystemExit(0))
    bad.spans.end_all(SystemExit(3))
    assert not good.ended()["mmlog.run"].get("status")
    assert bad.ended()["mmlog.run"]["status"]["code"] == 2


def test_a_start_is_journalled_before_the_span() -> None:
    """With all that is needed to end it for a process that died."""
    journal = Journal(rank=2)
    journal.spans.open("mmlog.epoch", {"epoch": 1, "odd": [1, 2]})
    run, epoch = journal.started()
    assert run["eventName"] == "mmlog.span.start"
    assert run["traceId"] == epoch["traceId"] == TRACE
    assert attributes(run)["mmlog.span.parent_id"] == ROOT
    told = attributes(epoch)
    assert told["mmlog.span.name"] == "mmlog.epoch"
    assert told["mmlog.span.kind"] == "1"
    assert told["mmlog.span.parent_id"] == run["spanId"]
    assert [pair["key"] for pair in told["mmlog.span.attributes"]["values"]] == ["epoch", "odd"]
    assert "mmlog.seq" not in told
    assert journal.ended() == {}


def test_unprintable_attributes_cost_themselves() -> None:
    """Integers beyond 64 bits, objects, missing UTF-8: the span and its other attributes are there."""
    journal = Journal()
    with journal.spans.open(
        "mmlog.\ud800", {"big": 2**70, "obj": object, "\udcff": "\udcff", "n": None}
    ) as span:
        span.set({"nested": {"a": [1, {"b": 2}]}})
        span.span.set_attribute("raw", 2**70)
    span_json = journal.ended()["mmlog.\ufffd"]
    assert attributes(span_json)["big"] == attributes(span_json)["raw"] == str(2**70)
    assert attributes(span_json)["\ufffd"] == "\ufffd"


def test_registry_spans_of_other_ranks_have_their_own_trace() -> None:
    """Linked to the root; nested builds stay together."""
    journal = Journal(rank=1)
    with (
        journal.spans.open("mmlog.registry.build", {"class": "A"}, own_trace=True),
        journal.spans.open("mmlog.registry.get", own_trace=True),
    ):
        pass
    build, get = journal.ended()["mmlog.registry.build"], journal.ended()["mmlog.registry.get"]
    assert build["traceId"] == get["traceId"] == f"{rank_trace_id('run', 1, 1):032x}"
    assert "parentSpanId" not in build
    assert build["links"][0]["spanId"] == ROOT
    assert get["parentSpanId"] == build["spanId"]
    assert current_trace() == TraceRef(int(TRACE, 16), journal.spans.run.span.get_span_context().span_id, 1)


def test_registry_spans_of_rank_0_are_in_the_runs_trace() -> None:
    """One rank's builds are worth showing there."""
    journal = Journal(rank=0)
    journal.spans.open("mmlog.registry.build", own_trace=True).close()
    assert journal.ended()["mmlog.registry.build"]["parentSpanId"] == ROOT


def test_traceparent_gives_parent_and_trace_to_all_ranks() -> None:
    """The job is a part of the trace that started it."""
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    root, other = Journal(traceparent=header), Journal(rank=1, traceparent=header)
    root.spans.end_all()
    other.spans.end_all()
    assert root.ended()["mmlog.run"]["traceId"] == "0af7651916cd43dd8448eb211c80319c"
    assert root.ended()["mmlog.run"]["parentSpanId"] == "b7ad6b7169203331"
    assert root.ended()["mmlog.run"]["spanId"] == ROOT
    assert other.ended()["mmlog.run"]["parentSpanId"] == ROOT
    assert other.ended()["mmlog.run"]["traceId"] == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("world_size", [2, 1000])
@pytest.mark.parametrize("rank", [0, 1])
def test_an_unsampled_parent_journals_nothing(rank: int, world_size: int) -> None:
    """Neither spans nor their starts; log lines still carry the ids."""
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    journal = Journal(rank=rank, world_size=world_size, traceparent=header)
    with journal.spans.open("mmlog.train"), journal.spans.open("mmlog.registry.build", own_trace=True):
        trace = current_trace()
    journal.spans.end_all()
    assert journal.lines == []
    assert trace is not None
    assert trace.flags == 0


def test_a_wrong_traceparent_is_none() -> None:
    """The run has its own trace then."""
    journal = Journal(traceparent="garbage")
    journal.spans.end_all()
    assert journal.ended()["mmlog.run"]["traceId"] == TRACE


def test_the_sampler_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """All ranks decide alike, and keep the API."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    for rank in (0, 1):
        journal = Journal(rank=rank)
        journal.spans.open("mmlog.train").close()
        journal.spans.end_all()
        assert journal.lines == []


def test_span_limits_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit is obeyed and its drops are told; a wrong one is an error at the start."""
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
    journal = Journal()
    journal.spans.open("mmlog.train", {"a": 1, "b": 2}).close()
    assert journal.ended()["mmlog.train"]["droppedAttributesCount"] == 1
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many")
    with pytest.raises(ConfigError, match="OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"):
        Journal()


def test_switched_off_spans_do_nothing() -> None:
    """The API works, nothing is journalled, no span is current."""
    journal = Journal(enabled=False)
    with journal.spans.open("mmlog.train", {"a": 1}) as span:
        span.set({"b": 2})
        assert current_trace() is None
    journal.spans.end_all(ValueError("x"))
    assert journal.lines == []
    assert journal.tracing.provider is None


def test_a_users_tracer_and_ours_share_the_context() -> None:
    """A user's span inside an epoch is its child; ours inside the user's is the user's child."""
    journal = Journal()
    assert journal.tracing.provider is not None
    tracer = journal.tracing.provider.get_tracer("mine")
    with journal.spans.open("mmlog.epoch"):
        with tracer.start_as_current_span("mine"):
            journal.spans.open("mmlog.checkpoint.save").close()
        journal.spans.open("mmlog.val").close()
    ended = journal.ended()
    assert (
        ended["mine"]["parentSpanId"] == ended["mmlog.epoch"]["spanId"] == ended["mmlog.val"]["parentSpanId"]
    )
    assert ended["mmlog.checkpoint.save"]["parentSpanId"] == ended["mine"]["spanId"]


def test_a_span_that_was_current_before_the_run_is_linked_and_comes_back() -> None:
    """Only TRACEPARENT is a parent, since all ranks see it."""
    outer = Journal(rank=1)
    tracer = outer.tracing.provider.get_tracer("mine") if outer.tracing.provider else None
    assert tracer is not None
    with use_span(tracer.start_span("mine"), end_on_exit=True) as mine:
        journal = Journal()
        journal.spans.end_all()
        assert current_trace() is not None
        assert current_trace()[1] == mine.get_span_context().span_id  # type: ignore[index]
    (link,) = journal.ended()["mmlog.run"]["links"]
    assert link["spanId"] == f"{mine.get_span_context().span_id:016x}"


def test_another_threads_spans_are_children_of_the_run() -> None:
    """Threads do not inherit the context."""
    journal = Journal()
    with journal.spans.open("mmlog.train"):
        thread = threading.Thread(target=lambda: journal.spans.open("mmlog.checkpoint.save").close())
        thread.start()
        thread.join()
    assert journal.ended()["mmlog.checkpoint.save"]["parentSpanId"] == ROOT


def test_span_ids_leave_the_users_random_numbers_alone() -> None:
    """Ranks that seed ``random`` alike still have their own span ids, and the user's sequence is kept."""
    ids = []
    for rank in (1, 2):
        random.seed(0)
        journal = Journal(rank=rank)
        journal.spans.end_all()
        ids.append(journal.ended()["mmlog.run"]["spanId"])
        drawn = random.random()
    random.seed(0)
    assert drawn == random.random()
    assert ids[0] != ids[1]


def test_a_forked_child_ends_no_span_of_its_parent() -> None:
    """A worker that exits would otherwise end the run's span a second time; it can have its own."""
    program = """
import os, sys
from tests.otel.test_spans import Journal
journal = Journal()
epoch = journal.spans.open("mmlog.epoch")
if os.fork() == 0:
    epoch.close()
    journal.spans.end_all()
    epoch.span.end()
    own = journal.tracing.provider.get_tracer("worker").start_span("own")
    own.end()
    os._exit(0 if list(journal.ended()) == ["own"] else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_forked_child_ends_spans_of_its_own() -> None:
    """What a worker opens under a span of its parent is ended by the worker, and ends well."""
    program = """
import os, sys
from tests.otel.test_spans import Journal
journal = Journal()
with journal.spans.open("mmlog.epoch"):
    if os.fork() == 0:
        with journal.spans.open("outer"), journal.spans.open("inner"):
            pass
        os._exit(0 if list(journal.ended()) == ["inner", "outer"] else 1)
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_times_of_what_began_before() -> None:
    """A span can be opened and closed with times of the past, the run's own included."""
    journal = Journal(start_ns=1_000)
    journal.spans.open("earlier", start_ns=2_000).close(end_ns=3_000)
    journal.spans.end_all()
    spans = journal.ended()
    assert (spans["earlier"]["startTimeUnixNano"], spans["earlier"]["endTimeUnixNano"]) == ("2000", "3000")
    assert spans["mmlog.run"]["startTimeUnixNano"] == "1000"
    assert int(spans["mmlog.run"]["endTimeUnixNano"]) > 3_000
