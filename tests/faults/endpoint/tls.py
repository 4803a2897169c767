"""What can be wrong between a run's sender and a server with TLS, or without."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.testing import FakeReceiver, Tls
from tests.faults.endpoint.network import says
from tests.faults.endpoint.refusals import beside_healthy, endpoint_of, in_time
from tests.faults.fault import Context, Fault, named
from tests.faults.ledger import balance, on_disk, taken
from tests.faults.outcome import Outcome, undisturbed, unless
from tests.faults.training import ENDPOINT, send, started, wait_for_senders
from tests.sender.certificates import Authority

CERTIFICATE = "OTEL_EXPORTER_OTLP_CERTIFICATE"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A server and a client that do not agree.

    Attributes:
        says: What the sender's words must have in them, by protocol.
        server: Makes the server's certificate with an authority; None for a server without TLS.
        is_trusted: Whether the client is told to trust that authority, and not another one.
        scheme: The client's.
    """

    says: Mapping[Protocol, str]
    server: Callable[[Authority], Tls] | None
    is_trusted: bool = True
    scheme: str = "https"


def disagreed(context: Context, mismatch: Mismatch, protocol: Protocol) -> Outcome:
    """Nothing is sent, and training goes on; with the right certificates and scheme the rest goes by hand."""
    folder = context.folder
    authority, other = Authority(folder, "authority"), Authority(folder, "other")
    variables = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_TIMEOUT": str(context.pick(2, 3)),
        "OTEL_MMLOG_CLOSE_TIMEOUT": str(context.close_timeout_s),
        CERTIFICATE: str(authority.certificate if mismatch.is_trusted else other.certificate),
    }
    with FakeReceiver(tls=mismatch.server(authority) if mismatch.server else None) as server:
        variables[ENDPOINT] = f"{mismatch.scheme}://{endpoint_of(server, protocol).partition('://')[2]}"
        with started(folder / "faulty", variables) as faulty:
            faulty.train(200)
            steps = beside_healthy(context, faulty)
            wrong = says(faulty, mismatch.says[protocol])
            closed = faulty.close()
        wait_for_senders(faulty.work_dir)
        wrong += unless(not server.requests, f"the server was sent {len(server.requests)} requests")
    with FakeReceiver(tls=_tls(authority)) as receiver:
        endpoint, trusted = endpoint_of(receiver, protocol), str(authority.certificate)
        sent = send(faulty.work_dir, endpoint, "--protocol", protocol, **{CERTIFICATE: trusted})
        sums, unbalanced = balance(closed, taken(receiver), on_disk(faulty.journals))
    wrong += [*unbalanced, *in_time(context, closed.close_s), *undisturbed(steps)]
    wrong += unless(sent.returncode == 0, f"sending the rest failed: {sent.stderr[-300:]}")
    wrong += unless(not closed.complete, "close said that all was delivered")
    wrong += unless(sums.in_journal == 0, f"{sums.in_journal} items were left in the journal")
    return Outcome(sums, steps, closed.close_s, wrong)


def _tls(authority: Authority, *, days: int = 30, host: str = "") -> Tls:
    pair = authority.issue("server", days=days, host=host)
    return Tls(pair.certificate, pair.key)


_SAYS_CERTIFICATE: Mapping[Protocol, str] = {
    "http/json": "CERTIFICATE_VERIFY_FAILED",
    "grpc": "CERTIFICATE_VERIFY_FAILED",
}
_SAYS_NAME: Mapping[Protocol, str] = {
    "http/json": "CERTIFICATE_VERIFY_FAILED",
    "grpc": "Hostname Verification Check failed",
}
_MISMATCHES = {
    "wrong-authority": Mismatch(_SAYS_CERTIFICATE, _tls, is_trusted=False),
    "expired": Mismatch(_SAYS_CERTIFICATE, partial(_tls, days=-2)),
    "wrong-name": Mismatch(_SAYS_NAME, partial(_tls, host="elsewhere.test")),
    "plain-to-tls": Mismatch(
        {"http/json": "no answer from 127.0.0.1", "grpc": "127.0.0.1"}, _tls, scheme="http"
    ),
    "tls-to-plain": Mismatch({"http/json": "SSL", "grpc": "127.0.0.1"}, None),
}
_PROTOCOLS: Mapping[str, Protocol] = {"http": "http/json", "grpc": "grpc"}

FAULTS: Sequence[Fault] = named(
    "tls",
    [
        Fault(f"{prefix}-{name}", partial(disagreed, mismatch=mismatch, protocol=protocol))
        for name, mismatch in _MISMATCHES.items()
        for prefix, protocol in _PROTOCOLS.items()
    ],
)
