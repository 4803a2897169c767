"""OpenTelemetry's own exporters as the oracle of what the variables OTEL_EXPORTER_OTLP_* do."""

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.sender.types import SIGNALS, Signal
from otel_mmlog.testing import FakeReceiver, Tls
from tests.sender.certificates import Authority
from tests.sender.official import COMMON, both, relay, send_ours, send_theirs, wanted
from tests.sender.transports import PREFIX

if find_spec("opentelemetry.exporter.otlp.common") is None:
    pytest.skip("older exporters take an empty variable for a set one", allow_module_level=True)


@pytest.fixture
def setenv(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str], FakeReceiver, Signal], None]:
    """Sets variables that are named without prefix; ``SIGNAL`` and ``{http}``, ``{grpc}``, ``{host}`` are replaced."""

    def set_all(variables: dict[str, str], receiver: FakeReceiver, signal: Signal) -> None:
        grpc = receiver.grpc_endpoint
        for name, value in variables.items():
            text = value.replace("{http}", receiver.http_endpoint).replace("{grpc}", grpc)
            text = text.replace("{host}", grpc.partition("//")[2])
            monkeypatch.setenv(PREFIX + name.replace("SIGNAL", signal.upper()), text)

    return set_all


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize(
    "variables",
    [
        {"ENDPOINT": "{http}"},
        {"ENDPOINT": "{http}/"},
        {"ENDPOINT": "{http}/base"},
        {"ENDPOINT": "{http}/base/path/"},
        {"ENDPOINT": "http://nowhere.invalid", "SIGNAL_ENDPOINT": "{http}/custom"},
        {"SIGNAL_ENDPOINT": "{http}/custom/?key=1"},
        {"SIGNAL_ENDPOINT": "{http}"},
        {"SIGNAL_ENDPOINT": "", "ENDPOINT": "{http}"},
        {"ENDPOINT": "{http}", "HEADERS": "a=1,B = 2 ,authorization=Basic%20YTpi=="},
        {"ENDPOINT": "{http}", "HEADERS": "k=a%2Cb%3Dc%25,plain=with space 100%25,empty=,k2=x,k2=y"},
        {"ENDPOINT": "{http}", "HEADERS": "a=1", "SIGNAL_HEADERS": "b=2"},
        {"ENDPOINT": "{http}", "HEADERS": "a=1", "SIGNAL_HEADERS": ""},
        {"ENDPOINT": "{http}", "COMPRESSION": "gzip"},
        {"ENDPOINT": "{http}", "COMPRESSION": "deflate"},
        {"ENDPOINT": "{http}", "COMPRESSION": "GZIP"},
        {"ENDPOINT": "{http}", "COMPRESSION": "gzip", "SIGNAL_COMPRESSION": "none"},
        {"ENDPOINT": "{http}", "COMPRESSION": "gzip", "SIGNAL_COMPRESSION": ""},
    ],
    ids=str,
)
def test_http(
    variables: dict[str, str],
    signal: Signal,
    setenv: Callable[[dict[str, str], FakeReceiver, Signal], None],
) -> None:
    """Same path, same headers, same compression, same message; as JSON the same apart from its own defaults."""
    paths: dict[str, Signal] = {"/custom": signal, "/custom/": signal, "/": signal}
    with FakeReceiver(paths=paths) as receiver:
        setenv(variables, receiver, signal)
        theirs, ours = both(receiver, signal, "http/protobuf")
        assert [wanted(request) for request in ours] == [wanted(request) for request in theirs]
        assert len(ours) == 1
        send_ours(signal, "http/json")
        without = ("content-type", "content-encoding")
        assert wanted(receiver.requests[-1], *without) == wanted(theirs[0], *without)


def test_http_user_info(setenv: Callable[[dict[str, str], FakeReceiver, Signal], None]) -> None:
    """User and password of the endpoint become the same header, over a configured one."""
    with FakeReceiver() as receiver:
        host = receiver.http_endpoint.partition("//")[2]
        setenv({"ENDPOINT": f"http://me:p%40ss@{host}", "HEADERS": "Authorization=x"}, receiver, "metrics")
        theirs, ours = both(receiver, "metrics", "http/protobuf")
        assert ours[0].headers["authorization"] == theirs[0].headers["authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize(
    "variables",
    [
        {"ENDPOINT": "{grpc}"},
        {"ENDPOINT": "{grpc}/ignored/path"},
        {"ENDPOINT": "http://nowhere.invalid", "SIGNAL_ENDPOINT": "{grpc}"},
        {"ENDPOINT": "{host}", "INSECURE": "true"},
        {"ENDPOINT": "{host}", "INSECURE": "false", "SIGNAL_INSECURE": "TRUE"},
        {"ENDPOINT": "{grpc}", "HEADERS": "a=1,B = 2 ,authorization=Basic%20YTpi==,k=a%2Cb"},
        {"ENDPOINT": "{grpc}", "HEADERS": "a=1", "SIGNAL_HEADERS": "b=2"},
        {"ENDPOINT": "{grpc}", "COMPRESSION": "gzip"},
        {"ENDPOINT": "{grpc}", "TIMEOUT": "3", "SIGNAL_TIMEOUT": "2.5"},
    ],
    ids=str,
)
def test_grpc(
    variables: dict[str, str],
    signal: Signal,
    setenv: Callable[[dict[str, str], FakeReceiver, Signal], None],
) -> None:
    """Same method, same metadata, same message."""
    with FakeReceiver() as receiver:
        setenv(variables, receiver, signal)
        theirs, ours = both(receiver, signal, "grpc")
        assert [wanted(request) for request in ours] == [wanted(request) for request in theirs]
        assert len(ours) == 1


@pytest.mark.parametrize("is_tls", [True, False], ids=["tls server", "plain server"])
@pytest.mark.parametrize(
    "variables",
    [
        {"ENDPOINT": "https://{host}"},
        {"ENDPOINT": "https://{host}", "INSECURE": "true"},
        {"ENDPOINT": "http://{host}"},
        {"ENDPOINT": "http://{host}", "INSECURE": "false"},
        {"ENDPOINT": "{host}"},
        {"ENDPOINT": "{host}", "INSECURE": "yes"},
        {"ENDPOINT": "{host}", "INSECURE": "true"},
        {"ENDPOINT": "{host}", "INSECURE": "true", "SIGNAL_INSECURE": "false"},
    ],
    ids=str,
)
def test_grpc_chooses_tls(
    variables: dict[str, str],
    is_tls: bool,
    tmp_path: Path,
    setenv: Callable[[dict[str, str], FakeReceiver, Signal], None],
) -> None:
    """Scheme and flags decide alike: the same requests arrive at a server with TLS and at one without."""
    authority = Authority(tmp_path, "authority")
    pair = authority.issue("server")
    files = {"CERTIFICATE": str(authority.certificate), "TIMEOUT": "0.9"}
    with FakeReceiver(tls=Tls(pair.certificate, pair.key) if is_tls else None) as receiver:
        setenv({**variables, **files}, receiver, "metrics")
        theirs, ours = both(receiver, "metrics", "grpc")
        assert [wanted(request) for request in ours] == [wanted(request) for request in theirs]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("own", ["", "SIGNAL_"])
def test_certificates(
    protocol: Protocol,
    own: str,
    tmp_path: Path,
    setenv: Callable[[dict[str, str], FakeReceiver, Signal], None],
) -> None:
    """Authority, client certificate and key, general and a signal's own, with a server that asks for all."""
    authority = Authority(tmp_path, "authority")
    server, client = authority.issue("server"), authority.issue("rank3")
    with FakeReceiver(tls=Tls(server.certificate, server.key, authority.certificate)) as receiver:
        variables = {
            "ENDPOINT": "{grpc}" if protocol == "grpc" else "{http}",
            f"{own}CERTIFICATE": str(authority.certificate),
            f"{own}CLIENT_CERTIFICATE": str(client.certificate),
            f"{own}CLIENT_KEY": str(client.key),
        }
        setenv(variables, receiver, "traces")
        theirs, ours = both(receiver, "traces", protocol)
        assert [request.client for request in (*theirs, *ours)] == ["rank3", "rank3"]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize(
    "variables", [{"TIMEOUT": "0.4"}, {"TIMEOUT": "30", "SIGNAL_TIMEOUT": "0.4"}], ids=str
)
def test_timeouts(
    protocol: Protocol,
    variables: dict[str, str],
    setenv: Callable[[dict[str, str], FakeReceiver, Signal], None],
) -> None:
    """Both take the timeout for seconds, and give up on a silent server after it."""
    with FakeReceiver() as receiver:
        receiver.answer(503, times=None, delay_s=60)
        endpoint = {"ENDPOINT": "{grpc}" if protocol == "grpc" else "{http}"}
        setenv({**endpoint, **variables}, receiver, "metrics")
        for send in (send_theirs, send_ours):
            started_s = time.monotonic()
            send("metrics", protocol)
            assert 0.35 < time.monotonic() - started_s < 9


@pytest.mark.parametrize(
    ("variables", "is_small"),
    [
        ({}, False),
        ({"COMPRESSION": "gzip"}, True),
        ({"COMPRESSION": "gzip", "SIGNAL_COMPRESSION": " GZIP"}, True),
    ],
    ids=str,
)
def test_grpc_compresses(
    variables: dict[str, str],
    is_small: bool,
    setenv: Callable[[dict[str, str], FakeReceiver, Signal], None],
) -> None:
    """The bytes on the wire tell which messages were compressed."""
    with FakeReceiver() as receiver:
        for send in (send_theirs, send_ours):
            with relay(receiver.grpc_endpoint) as (endpoint, sent):
                setenv({"ENDPOINT": endpoint, **variables}, receiver, "metrics")
                send("metrics", "grpc")
            assert (sum(sent) < len(COMMON["attributes"]["note"])) == is_small
        assert len(receiver.points()) == 2
