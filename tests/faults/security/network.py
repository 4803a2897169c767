"""What must not cross a network, whom to trust there, and what a server can make a sender hold."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.testing import FakeReceiver
from otel_mmlog.testing.script import Reply
from tests.faults.endpoint import wires
from tests.faults.endpoint.network import Trouble, ridden_out, says
from tests.faults.endpoint.wires import Wire
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, unless
from tests.faults.training import ENDPOINT, Training, sender_pids, started, wait_for_senders
from tests.processes import BEGIN, run_python
from tests.sender.certificates import Authority
from tests.sender.old_tls import old_client, old_server

TOKEN = "c4n4ry-7f1d"
ELSEWHERE = "http://collector.invalid:4318"
PERMISSION = "OTEL_EXPORTER_OTLP_INSECURE"
_AUTHORIZED = {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{TOKEN}"}
_IN_PLAIN_TEXT = (
    {ENDPOINT: ELSEWHERE, **_AUTHORIZED},
    {ENDPOINT: ELSEWHERE.replace("4318", "4317"), **_AUTHORIZED},
    {ENDPOINT: f"http://me:{TOKEN}@collector.invalid:4318"},
    {ENDPOINT: f"{ELSEWHERE}/?api-key={TOKEN}"},
)
MAX_SENT_BYTES = 32 * 1024 * 1024
"""What both kernels may buffer of an endless answer, and to spare."""

MAX_SENDER_KB = 96 * 1024


def in_plain_text(context: Context) -> Outcome:
    """Credentials for another machine are an error before anything begins, unless a variable permits them."""
    wrong = []
    with FakeReceiver() as proxy:
        reached = {"HTTP_PROXY": proxy.http_endpoint, "OTEL_MMLOG_CLOSE_TIMEOUT": "20"}
        for number, variables in enumerate(_IN_PLAIN_TEXT):
            ended = run_python(BEGIN, context.folder / str(number), env={**reached, **variables})
            wrong += unless(ended.returncode != 0, f"a run began with endpoint {number}")
            wrong += unless("ConfigError" in ended.stderr and PERMISSION in ended.stderr, ended.stderr[-300:])
            wrong += unless(TOKEN not in ended.stderr, f"the error about endpoint {number} has the secret")
        wrong += unless(not proxy.requests, "something was sent before it was permitted")
        permitted = {**reached, **_IN_PLAIN_TEXT[0], PERMISSION: "true"}
        with started(context.folder / "faulty", permitted) as training:
            training.train(100)
            closed = training.close()
        carried = [request.headers.get("authorization") for request in proxy.requests]
    wrong += unless(closed.complete, "what was permitted was not delivered")
    wrong += unless(set(carried) == {f"Bearer {TOKEN}"}, f"the headers were {set(carried)}")
    return Outcome(None, None, closed.close_s, wrong)


def redirected(context: Context) -> Outcome:
    """Neither telemetry nor credentials go where a redirect leads."""
    statuses = (301, 302, 303, 307, 308)
    with FakeReceiver() as receiver, FakeReceiver() as elsewhere:
        turn = cycle(statuses)
        receiver.answer_by(
            lambda _: Reply(next(turn), headers={"Location": elsewhere.http_endpoint + "/v1/logs"})
        )
        variables = {ENDPOINT: receiver.http_endpoint, "OTEL_MMLOG_CLOSE_TIMEOUT": "0.5", **_AUTHORIZED}
        with started(context.folder / "faulty", variables) as training:
            training.train(100)
            wrong = says(training, "which is not followed")
            for _ in statuses:
                wrong += unless(not training.flush(0.3), "flush said that all was delivered")
            closed = training.close()
        wait_for_senders(training.work_dir)
        wrong += unless(
            len(receiver.requests) >= len(statuses), f"{len(receiver.requests)} redirects were made"
        )
        wrong += unless(elsewhere._http.connections == 0, "somebody went where the redirect leads")
    wrong += unless(not closed.complete, "close said that all was delivered")
    return Outcome(None, None, closed.close_s, wrong)


def too_old(context: Context, protocol: Protocol) -> Outcome:
    """A server that speaks TLS 1.1 at most is sent nothing."""
    authority = Authority(context.folder, "authority")
    if not _speaks_old_tls(authority):
        return Outcome(note="not made: this OpenSSL has no TLS 1.1")
    trouble = Trouble(
        partial(_old_tls, authority),
        "PROTOCOL_VERSION" if protocol == "grpc" else "TLSV1_ALERT_PROTOCOL_VERSION",
        "https://127.0.0.1",
        happened=lambda wire: wire.connections > 0 and wire.done == 0,
        variables={
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.certificate),
        },
    )
    return ridden_out(context, trouble)


def _speaks_old_tls(authority: Authority) -> bool:
    with _old_tls(authority) as wire, socket.create_connection(("127.0.0.1", wire.port)) as plain:
        try:
            with old_client().wrap_socket(plain) as connection:
                return connection.version() in {"TLSv1", "TLSv1.1"}
        except ssl.SSLError:
            return False


@contextmanager
def _old_tls(authority: Authority) -> Iterator[Wire]:
    server = old_server(authority.issue("server"))

    def shake_hands(wire: Wire, connection: socket.socket) -> None:
        connection.settimeout(5)
        with server.wrap_socket(connection, server_side=True):
            wire.done += 1

    with wires.serving(shake_hands) as wire:
        yield wire


def bounded(context: Context, head: bytes, part: bytes, words: str) -> Outcome:
    """An answer without an end costs the sender neither memory nor time without end."""
    trouble = Trouble(
        partial(wires.serving, partial(wires.endless, head=head, part=part)),
        words,
        happened=lambda wire: 0 < wire.done <= MAX_SENT_BYTES,
        look=_small_senders,
    )
    return ridden_out(context, trouble)


def _small_senders(training: Training) -> list[str]:
    found = [Path(f"/proc/{pid}/status").read_text() for pid in sender_pids(training.work_dir)]
    peaks_kb = [int(text.partition("VmHWM:")[2].split()[0]) for text in found]
    return [
        *unless(bool(peaks_kb), "there is no sender"),
        *unless(max(peaks_kb, default=0) <= MAX_SENDER_KB, f"the sender took {peaks_kb} kB"),
    ]


FAULTS: Sequence[Fault] = named(
    "security",
    [
        Fault("credentials-in-plain-text", in_plain_text),
        Fault("credentials-redirected", redirected),
        Fault("http-tls-1.1", partial(too_old, protocol="http/json")),
        Fault("grpc-tls-1.1", partial(too_old, protocol="grpc")),
        Fault(
            "endless-answer",
            partial(
                bounded,
                head=b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n",
                part=b"10000\r\n" + b"x" * 0x10000 + b"\r\n",
                words="HTTP 503",
            ),
        ),
        Fault(
            "endless-head",
            partial(
                bounded, head=b"", part=b"HTTP/1.1 100 Continue\r\n\r\n" * 100, words="did not answer within"
            ),
        ),
    ],
)
