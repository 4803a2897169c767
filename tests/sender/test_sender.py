"""What the loop does with a server's answers, with journal, server and clock of the test."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.sender.pieces import MAX_REQUESTS
from otel_mmlog.sender.sender import Pace
from otel_mmlog.sender.types import SIGNALS, Answer, Signal
from tests.sender.loops import (
    BAD,
    BUSY,
    DENIED,
    OK,
    TOO_LARGE,
    Bench,
    answering,
    mark_of,
    refusing,
)

NUMBERS = [str(number) for number in range(40)]


def test_delivered_lines_leave_the_journal() -> None:
    """What the server took is acknowledged and counted."""
    bench = Bench(answering(OK))
    bench.journal.write("logs", *NUMBERS)
    bench.run()
    assert bench.courier.requests == [("logs", NUMBERS)]
    assert not bench.journal.live["logs"]
    assert bench.sender.status().delivered == {"logs": 40}


def test_rejected_items_are_counted_apart() -> None:
    """Of a partial success the rest is delivered."""
    bench = Bench(answering(Answer("delivered", "3 too old", rejected=3)))
    bench.journal.write("logs", *NUMBERS)
    bench.run()
    status = bench.sender.status()
    assert (status.delivered, status.rejected) == ({"logs": 37}, {"logs": 3})
    assert bench.told == ["logs: 3 too old"]


def test_busy_server_is_tried_until_it_takes_everything() -> None:
    """Two hours of 503 lose nothing, and the wait never gets above a minute."""
    bench = Bench(answering(*[BUSY] * 200, OK), pace=Pace(poll_s=60.0))
    bench.journal.write("logs", *NUMBERS)
    began_s = bench.now_s
    bench.run(2 * 3600 + 300)
    assert len(bench.courier.requests) == 201
    assert bench.sender.status().delivered == {"logs": 40}
    assert not bench.sender.status().troubles
    assert len(bench.told) == 2  # once that it fails, once that it works again
    assert bench.now_s - began_s == 2 * 3600 + 300


def test_batch_grows_while_the_server_is_away() -> None:
    """What was logged during an outage shares the requests after it."""
    bench = Bench(answering(*[BUSY] * 3, OK))
    bench.journal.write("logs", "early")
    bench.run()
    bench.journal.write("logs", "late")
    bench.run(10)
    assert bench.courier.requests[-1] == ("logs", ["early", "late"])


def test_blocked_signal_holds_no_other() -> None:
    """While logs are refused, fail or wait for an answer, metrics and traces go on."""
    blocks: Sequence[Answer | None] = (BUSY, Answer("retry", "429", retry_after_s=3600), DENIED, BAD, None)
    for block in blocks:
        bench = Bench(lambda signal, _, block=block: block if signal == "logs" else OK, signals=SIGNALS)  # type: ignore[misc]
        for second in range(20):
            for signal in SIGNALS:
                bench.journal.write(signal, f"{signal}{second}")
            bench.run(1)
        assert bench.sender.status().delivered == {"metrics": 20, "logs": 0, "traces": 20}
        assert len(bench.journal.live["logs"]) == 20
        assert bench.journal.aside == []


def test_retry_after_is_kept_even_by_a_flush() -> None:
    """A flush ends a back-off, but not the wait that the server asked for."""
    bench = Bench(answering(Answer("retry", "429", retry_after_s=30), OK))
    bench.journal.write("logs", "a")
    bench.run()
    bench.sender.flush(bench.now_s)
    bench.run(29)
    assert len(bench.courier.requests) == 1
    assert bench.sender.flushes == 0
    bench.run(3)
    assert bench.sender.flushes == 1


def test_flush_ends_a_backoff() -> None:
    """Whoever flushes does not wait for a back-off of a minute."""
    bench = Bench(answering(*[BUSY] * 12, OK))
    bench.journal.write("logs", "a")
    bench.run(200)
    requests = len(bench.courier.requests)
    bench.sender.flush(bench.now_s)
    bench.run(1)
    assert len(bench.courier.requests) > requests


def test_flush_is_fulfilled_when_everything_is_acknowledged() -> None:
    """Neither earlier nor without a saved cursor."""
    bench = Bench(answering(BUSY, OK))
    bench.journal.write("logs", *NUMBERS)
    bench.sender.flush(bench.now_s)
    assert bench.sender.flushes == 0
    bench.run(5)
    assert bench.sender.is_flushed
    assert bench.sender.flushes == 1
    assert bench.journal.saves
    assert bench.journal.live["logs"] == []


def test_live_lines_are_gathered() -> None:
    """A line every 50 ms makes a request a second, not twenty; the first leaves at once."""
    bench = Bench(answering(OK), pace=Pace(gather_s=1.0, poll_s=1.0))
    for number in range(200):
        bench.journal.write("logs", str(number))
        bench.sender.more(bench.now_s)
        bench.run(0.05)
    assert bench.courier.requests[0] == ("logs", ["0"])
    assert 9 <= len(bench.courier.requests) <= 12


def test_lines_that_come_during_a_request_are_gathered_too() -> None:
    """That there is more as soon as an answer comes is no reason for a request at once."""

    def server(_signal: Signal, _lines: Sequence[bytes]) -> Answer:
        bench.journal.write("logs", "more")
        return OK

    bench = Bench(server, pace=Pace(gather_s=1.0, poll_s=1.0))
    bench.journal.write("logs", "first")
    bench.run(9.5)
    assert len(bench.courier.requests) == 10


def test_refused_backlog_is_not_read_at_each_poke() -> None:
    """While it waits for live lines only, a sender looks every few seconds."""
    bench = Bench(refusing(*NUMBERS))
    bench.journal.write("logs", *NUMBERS, live=False)
    bench.run(1)
    looks = bench.journal.looks
    for _ in range(100):
        bench.sender.more(bench.now_s)
        bench.run(0.1)
    assert bench.journal.looks - looks <= 3


def test_backlog_is_not_slowed_down() -> None:
    """Batches of an earlier attempt follow each other without a wait."""
    bench = Bench(answering(OK))
    bench.journal.max_lines = 10
    bench.journal.write("logs", *NUMBERS, live=False)
    bench.run()
    assert len(bench.courier.requests) == 4
    assert bench.sender.status().delivered == {"logs": 40}


def test_lost_pokes_cost_a_second() -> None:
    """Without any poke the journal is looked at each second."""
    bench = Bench(answering(OK))
    bench.run()
    bench.journal.write("logs", "a")
    bench.run(1)
    assert bench.delivered() == ["a"]


def test_bad_line_is_set_aside_and_the_rest_delivered() -> None:
    """One line that the server refuses costs only itself."""
    bench = Bench(refusing("17"))
    bench.journal.write("logs", *NUMBERS)
    bench.run()
    assert bench.journal.aside == ["17"]
    status = bench.sender.status()
    assert (status.delivered, status.quarantined) == ({"logs": 39}, {"logs": 1})
    assert not bench.journal.live["logs"]


@given(st.sets(st.sampled_from(NUMBERS), max_size=6))
def test_items_are_conserved_whatever_is_bad(bad: set[str]) -> None:
    """Delivered and set aside are all there is, a batch costs 20 requests at most, and every bad line is set aside."""
    bench = Bench(refusing(*bad))
    bench.journal.write("logs", *NUMBERS)
    bench.run()
    status = bench.sender.status()
    assert status.delivered["logs"] + status.quarantined["logs"] == len(NUMBERS)
    assert bad <= set(bench.journal.aside)
    assert len(bench.courier.requests) <= MAX_REQUESTS


def test_nothing_is_set_aside_before_anything_was_taken() -> None:
    """A server that refuses everything is a pause, not a quarantine of the whole journal."""
    bench = Bench(answering(BAD))
    bench.journal.max_lines = 10
    bench.journal.write("logs", *NUMBERS)
    bench.run(3600)
    assert bench.journal.aside == []
    assert len(bench.journal.live["logs"]) == 40
    assert bench.sender.status().troubles["logs"].kind == "paused"
    assert len(bench.told) == 1


def test_line_that_was_taken_last_proves_that_the_server_takes_any() -> None:
    """A server that takes a line again only if it is the newest that it has: the older ones are set aside."""
    taken = [-1]

    def in_order(_signal: Signal, lines: Sequence[bytes]) -> Answer:
        times = [int(mark_of(line)) for line in lines]
        if min(times) < taken[-1]:
            return BAD
        taken.extend(times)
        return OK

    bench = Bench(in_order)
    bench.journal.write("logs", "7")
    bench.journal.write("logs", *(str(number) for number in range(10, 20)))
    bench.run()
    bench.journal.write("logs", "1", "2", "3", live=False)
    bench.run(60)
    assert bench.journal.aside == ["1", "2", "3"]


def test_nothing_is_set_aside_once_the_server_refuses_everything() -> None:
    """That it took lines an hour ago says nothing about now: what it took is sent again, and refused too."""
    bench = Bench(lambda _, lines: OK if bench.now_s < 2000 else BAD)
    bench.journal.write("logs", "good")
    bench.run()
    bench.now_s = 3000.0
    bench.journal.write("logs", *NUMBERS)
    bench.run(3600)
    assert bench.journal.aside == []
    assert len(bench.journal.live["logs"]) == 40


def test_batch_of_bad_lines_is_set_aside_if_a_known_line_is_taken() -> None:
    """A batch that is too old for the server, all of it, does not stop those behind it."""
    bench = Bench(refusing(*NUMBERS))
    bench.journal.max_lines = 10
    bench.journal.write("logs", *NUMBERS, "new enough", live=False)
    bench.journal.write("logs", "live")
    bench.run(60)
    assert sorted(bench.journal.aside) == sorted(NUMBERS)
    assert bench.sender.status().delivered == {"logs": 2}


def test_refused_backlog_does_not_stop_live_lines() -> None:
    """When a sender begins with backlog that is refused, lines that come later are delivered soon, and prove it."""
    bench = Bench(refusing(*NUMBERS))
    bench.journal.write("logs", *NUMBERS, live=False)
    bench.run(10)
    assert bench.sender.status().troubles["logs"].kind == "paused"
    bench.journal.write("logs", "live")
    bench.run(6)
    assert bench.sender.status().delivered == {"logs": 1}
    bench.run(60)
    assert sorted(bench.journal.aside) == sorted(NUMBERS)


def test_wrong_token_pauses_with_one_error() -> None:
    """Hours of 401 are one sentence and a few probes; when the token is right, everything arrives."""
    bench = Bench(lambda _signal, _lines: DENIED if bench.now_s < 8000 else OK)
    bench.journal.write("logs", *NUMBERS)
    bench.run(6000)
    assert len(bench.told) == 1
    assert "HTTP 401" in bench.told[0]
    assert len(bench.courier.requests) <= 30
    bench.run(2000)
    assert bench.sender.status().delivered == {"logs": 40}
    assert len(bench.told) == 2


def test_sender_is_stuck_only_after_another_try() -> None:
    """After a flush a paused signal is tried once more before it counts as stuck."""
    bench = Bench(answering(DENIED))
    bench.journal.write("logs", "a")
    bench.run(1)
    bench.sender.flush(bench.now_s)
    stuck = [bench.sender.is_stuck]
    bench.run()
    stuck.append(bench.sender.is_stuck)
    assert stuck == [False, True]
    assert len(bench.courier.requests) == 2


def test_too_large_requests_are_split_and_the_limit_is_remembered() -> None:
    """After a 413 requests are small from the start."""

    def server(_signal: Signal, lines: Sequence[bytes]) -> Answer:
        return OK if len(lines) <= 5 else TOO_LARGE

    bench = Bench(server)
    bench.journal.write("logs", *NUMBERS, live=False)
    bench.run()
    assert bench.sender.status().delivered == {"logs": 40}
    before = len(bench.courier.requests)
    bench.journal.write("logs", *NUMBERS, live=False)
    bench.run(1)
    assert bench.sender.status().delivered == {"logs": 80}
    assert all(len(marks) <= 5 for _, marks in bench.courier.requests[before:])


def test_line_above_the_servers_limit_is_set_aside() -> None:
    """A single line that is too large goes into quarantine once the server has taken another."""
    bench = Bench(refusing("17", answer=TOO_LARGE))
    bench.journal.write("logs", *NUMBERS)
    bench.run()
    assert bench.journal.aside == ["17"]
    assert bench.sender.status().delivered == {"logs": 39}


def test_overload_that_looks_like_too_large_sets_nothing_aside() -> None:
    """A quota answers RESOURCE_EXHAUSTED to everything, however small; when it is over, everything arrives."""
    bench = Bench(lambda _signal, _lines: TOO_LARGE if bench.now_s < 2000 else OK)
    bench.journal.write("logs", *NUMBERS)
    bench.run(4000)
    assert bench.journal.aside == []
    assert bench.sender.status().delivered == {"logs": 40}


@pytest.mark.parametrize("has_taken_one", [False, True])
def test_overload_that_looks_like_too_large_costs_few_requests(has_taken_one: bool) -> None:
    """A hundred lines are not tried one by one then, and go out together when it is over."""
    is_over = has_taken_one
    bench = Bench(lambda _signal, _lines: OK if is_over else TOO_LARGE)
    bench.journal.write("logs", "taken")
    bench.run(1)
    is_over, before = False, len(bench.courier.requests)
    bench.journal.write("logs", *(str(number) for number in range(99)))
    bench.run(10)
    assert len(bench.courier.requests) - before <= 21
    is_over = True
    bench.run(400)
    assert bench.sender.status().delivered == {"logs": 100}
    assert max(len(marks) for _, marks in bench.courier.requests[-2:]) >= 99


@pytest.mark.parametrize("answer", [Answer("pause", "415", wants_protobuf=True), BAD])
def test_protobuf_from_the_first_refusal_on(answer: Answer) -> None:
    """A server that does not understand JSON gets protobuf, from then on and without a wait."""
    bench = Bench(lambda _signal, _lines: OK if bench.courier.protobuf[-1] else answer, can_fall_back=True)
    bench.journal.write("logs", "a")
    bench.run()
    bench.journal.write("logs", "b")
    bench.run(2)
    assert bench.courier.protobuf == [False, True, True]
    assert bench.sender.status().delivered == {"logs": 2}


def test_json_again_if_protobuf_is_not_understood() -> None:
    """A first line that is bad in any encoding does not leave a server of JSON without data."""

    def server(_signal: Signal, lines: Sequence[bytes]) -> Answer:
        if bench.courier.protobuf[-1]:
            return Answer("pause", "415", wants_protobuf=True)
        return refusing("bad")("logs", lines) or OK

    bench = Bench(server, can_fall_back=True)
    bench.journal.write("logs", "bad", "good")
    bench.run()
    assert bench.journal.aside == ["bad"]
    assert bench.sender.status().delivered == {"logs": 1}


def test_bad_line_after_a_success_is_no_reason_for_protobuf() -> None:
    """Once the server has taken JSON, a 400 is about the line."""
    bench = Bench(refusing("bad"), can_fall_back=True)
    bench.journal.write("logs", "good")
    bench.run()
    bench.journal.write("logs", "bad")
    bench.run(2)
    assert not any(bench.courier.protobuf)
    assert bench.journal.aside == ["bad"]


def test_full_disk_keeps_refused_lines_in_the_journal() -> None:
    """What cannot be set aside is not acknowledged, and set aside once when there is room again."""
    bench = Bench(refusing("17"))
    bench.journal.write("logs", *NUMBERS)
    bench.sender.step(bench.now_s)
    while bench.courier._answers:
        bench.journal.faults = 3
        bench.sender.step(bench.now_s)
    assert bench.journal.aside == []
    assert len(bench.journal.live["logs"]) == 40
    bench.run(60)
    assert bench.journal.aside == ["17"]
    assert bench.sender.status().quarantined == {"logs": 1}
    assert not bench.journal.live["logs"]


def test_unreadable_journal_is_tried_again() -> None:
    """An error of the disk while reading ends nothing."""
    bench = Bench(answering(OK))
    bench.journal.write("logs", "a")
    bench.journal.faults = 2
    bench.run(60)
    assert bench.delivered() == ["a"]
    assert len(bench.told) == 1


@given(st.lists(st.sampled_from([OK, BUSY, BAD, TOO_LARGE, DENIED]), max_size=60))
def test_nothing_is_lost_whatever_the_server_says(answers: list[Answer]) -> None:
    """After any sequence of answers, and a server that takes all, each line was taken or set aside, and counted so."""
    taken: list[str] = []
    rest = list(answers)

    def server(_signal: Signal, lines: Sequence[bytes]) -> Answer:
        answer = rest.pop(0) if rest else OK
        if answer is OK:
            taken.extend(map(mark_of, lines))
        return answer

    bench = Bench(server, pace=Pace(poll_s=60.0))
    bench.journal.max_lines = 15
    bench.journal.write("logs", *NUMBERS)
    bench.run(8 * 3600)
    assert set(taken) | set(bench.journal.aside) == set(NUMBERS)
    status = bench.sender.status()
    assert status.delivered["logs"] + status.quarantined["logs"] == len(NUMBERS)
    assert len(bench.journal.aside) == len(set(bench.journal.aside)) == status.quarantined["logs"]
