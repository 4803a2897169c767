"""How the batches of one signal reach the server: what follows from each answer."""

from collections.abc import Callable, Sequence
from typing import Final, Literal

from otel_mmlog.sender.backoff import Backoff
from otel_mmlog.sender.batches import Batch
from otel_mmlog.sender.pieces import MAX_REQUESTS, Pieces, Suspect
from otel_mmlog.sender.types import Answer, Signal

State = Literal["ok", "retrying", "paused"]

_ACCEPTED_TO_GROW: Final = 100


class Delivery:
    """One batch at a time, one request at a time. It decides; it neither sends nor waits.

    A line is set aside only after the server refused it and then took another line of the signal; for
    want of one in the batch, the line that it took last is sent again. If it takes nothing, that is a
    pause, however many lines it refused. After `MAX_REQUESTS` in a row that were too large for it, however
    small, it has to show that it takes anything before it gets more. A batch of which nothing was taken is
    let go before a wait, to be read anew: by then it may have grown, or newer lines come first.

    Args:
        signal: What is delivered.
        random: Returns a number from 0 up to, but without, 1.
        can_fall_back: Whether lines can be sent as protobuf in place of JSON.
        tell: Gets one sentence whenever the state changes.

    Attributes:
        batch: What is being delivered, or None.
        state: Whether the last request was taken, failed for now, or waits for somebody to change something.
        detail: What the server said last; empty if it just took the request.
        protobuf: Whether requests are to go out as protobuf in place of JSON.
        rejected: Items that the server took note of and dropped, so far.
        requests: Requests answered so far.
    """

    def __init__(
        self,
        signal: Signal,
        *,
        random: Callable[[], float],
        can_fall_back: bool,
        tell: Callable[[str], None],
    ) -> None:
        self._signal = signal
        self._can_fall_back = can_fall_back
        self._tell = tell
        self._backoff = Backoff(random)
        self._pieces = Pieces(())
        self._limit_bytes: int | None = None
        self._accepted_at_limit = 0
        self._too_large_in_a_row = 0
        self._control: bytes | None = None
        self._refused_backlog = False
        self.batch: Batch | None = None
        self.state: State = "ok"
        self.detail = ""
        self.protobuf = False
        self.rejected = 0
        self.requests = 0

    @property
    def until_s(self) -> float:
        """The moment until which nothing is sent; minus infinity for no wait."""
        return self._backoff.until_s

    @property
    def lets_live_pass(self) -> bool:
        """Whether it waits because backlog was refused, which says nothing about live lines."""
        return self._refused_backlog and self._backoff.kind == "pause"

    @property
    def is_done(self) -> bool:
        """Whether nothing of the batch is left to send: set `suspects` aside and acknowledge it."""
        return self.batch is not None and not self._pieces.current and self._pieces.is_proven

    @property
    def suspects(self) -> list[Suspect]:
        """The lines of a batch that is done which the server does not take; whoever sets some aside removes them."""
        return self._pieces.suspects

    def begin(self, batch: Batch) -> None:
        """Take over a batch."""
        self.batch = batch
        self._pieces = Pieces(batch.lines, self._limit_bytes)

    def finish(self) -> None:
        """Let the batch go."""
        self.batch = None
        self._pieces = Pieces(())

    def hurry(self) -> None:
        """End a wait, unless it is one that the server asked for."""
        self._backoff.hurry()

    def lines(self, now_s: float) -> Sequence[bytes]:
        """The lines of the next request; empty while there is nothing to send or a wait is on."""
        if self.batch is None or now_s < self._backoff.until_s:
            return ()
        if self._needs_proof and self._control is not None:
            return (self._control,)
        return self._pieces.current

    def on_answer(self, answer: Answer, now_s: float) -> None:
        """Draw the consequence of an answer to what `lines` returned."""
        self.requests += 1
        is_control = self._needs_proof
        if answer.kind == "delivered":
            self._accept(answer, is_control=is_control)
        elif answer.kind == "retry":
            self._retry(answer, now_s)
        elif self._switches_encoding(answer):
            self.protobuf = not self.protobuf
        elif answer.kind == "pause" or is_control:
            self._pause(answer.detail, now_s)
        else:
            self._refuse(answer, now_s)

    @property
    def _needs_proof(self) -> bool:
        """Whether it is to be seen that the server takes anything."""
        is_over = not self._pieces.current and not self._pieces.is_proven
        return is_over or self._too_large_in_a_row >= MAX_REQUESTS

    def _accept(self, answer: Answer, *, is_control: bool) -> None:
        self._too_large_in_a_row = 0
        if is_control:
            self._pieces.is_proven = True
        else:
            # The newest line: a server that keeps its samples in order takes no other a second time.
            self._control = self._pieces.current[-1]
            self.rejected += answer.rejected
            self._pieces.accept()
            self._grow()
        self._backoff.end()
        self._refused_backlog = False
        if self.state != "ok":
            self._tell(f"{self._signal}: delivered again")
        if answer.detail and answer.detail != self.detail:
            self._tell(f"{self._signal}: {answer.detail}")
        self.state, self.detail = "ok", answer.detail

    def _retry(self, answer: Answer, now_s: float) -> None:
        self._backoff.retry(now_s, answer.retry_after_s)
        if self.state == "ok":
            self._tell(f"{self._signal}: {answer.detail}; it is tried again until it is taken")
        self.state, self.detail = "retrying", answer.detail
        self._let_go_if_fresh()

    def _pause(self, detail: str, now_s: float) -> None:
        self._backoff.pause(now_s)
        if self._too_large_in_a_row:
            self._too_large_in_a_row, self._limit_bytes = 0, None  # it was not their size
        if self.state != "paused" or detail != self.detail:
            self._tell(f"{self._signal}: {detail}; sending is paused, with a try every few minutes")
        self.state, self.detail = "paused", detail
        self._refused_backlog = bool(self._pieces.suspects and self.batch and not self.batch.live)
        if self._pieces.suspects:
            self.finish()
        else:
            self._let_go_if_fresh()

    def _refuse(self, answer: Answer, now_s: float) -> None:
        """Look for the lines that make the server refuse the request, or make the requests smaller."""
        if answer.kind == "split":
            self._too_large_in_a_row += 1
            self._shrink()
            self._pieces.halve(answer.detail)
        else:
            self._pieces.refuse(answer.detail)
        if self._needs_proof and self._control is None:
            self._pause(answer.detail, now_s)

    def _switches_encoding(self, answer: Answer) -> bool:
        """Whether the same lines are to be tried as protobuf, or as JSON again if it takes no protobuf."""
        if not self._can_fall_back:
            return False
        if self.protobuf:
            self._can_fall_back = not answer.wants_protobuf
            return answer.wants_protobuf
        return answer.wants_protobuf or (answer.kind == "bad" and self._control is None)

    def _let_go_if_fresh(self) -> None:
        if self._pieces.is_fresh:
            self.finish()

    def _shrink(self) -> None:
        self._limit_bytes = sum(map(len, self._pieces.current)) // 2
        self._accepted_at_limit = 0

    def _grow(self) -> None:
        """Try larger requests again after a while: what was too much may have been the load of a moment."""
        if self._limit_bytes is None:
            return
        self._accepted_at_limit += 1
        if self._accepted_at_limit >= _ACCEPTED_TO_GROW:
            self._limit_bytes *= 2
            self._accepted_at_limit = 0
