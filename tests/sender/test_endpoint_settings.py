"""What OTEL_EXPORTER_OTLP_* come to, and what is said of values that cannot be used."""

from pathlib import Path

import pytest

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.sender.endpoint_settings import MAX_TIMEOUT_S, read_endpoints
from otel_mmlog.sender.endpoints import Endpoint
from otel_mmlog.sender.types import SIGNALS

PREFIX = "OTEL_EXPORTER_OTLP_"
SECRET = "hunter2SECRET"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def read(**variables: str) -> dict[str, Endpoint]:
    """The endpoints of variables that are named without their prefix."""
    found = read_endpoints({PREFIX + name: value for name, value in variables.items()})
    return dict((found or {}).items())


def metrics(**variables: str) -> Endpoint:
    """The endpoint of the metrics, by default on localhost."""
    return read(**{"ENDPOINT": "http://localhost:4318", **variables})["metrics"]


@pytest.mark.parametrize(
    "variables",
    [{}, {"ENDPOINT": ""}, {"ENDPOINT": " "}, {"HEADERS": "a=b", "PROTOCOL": "grpc", "TIMEOUT": "3"}],
)
def test_without_an_endpoint_there_is_nothing(variables: dict[str, str]) -> None:
    """No endpoint, no sender, whatever else is set."""
    assert read_endpoints({PREFIX + name: value for name, value in variables.items()}) is None


def test_the_general_endpoint_serves_all_signals() -> None:
    """A path of each signal is appended to the general endpoint; JSON is the default, compressed."""
    found = read(ENDPOINT="http://collector:4318")
    assert {signal: endpoint.url for signal, endpoint in found.items()} == {
        signal: f"http://collector:4318/v1/{signal}" for signal in SIGNALS
    }
    assert {(e.protocol, e.compression, e.timeout_s, e.headers) for e in found.values()} == {
        ("http/json", "gzip", 10.0, ())
    }


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://gw.example.net/otlp", "https://gw.example.net/otlp/v1/metrics"),
        ("https://gw.example.net/otlp/", "https://gw.example.net/otlp/v1/metrics"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/metrics"),
        ("HTTP://Host:80/", "http://Host:80/v1/metrics"),
        ("https://h/p?key=1", "https://h/p/v1/metrics?key=1"),
        ("https://user:pw@h:1/p", "https://h:1/p/v1/metrics"),
    ],
)
def test_the_signal_path_follows_the_endpoints_own(endpoint: str, url: str) -> None:
    """The general endpoint's path and query stay, its user info does not."""
    assert metrics(ENDPOINT=endpoint).url == url


def test_a_signals_own_endpoint_is_used_as_it_is() -> None:
    """Nothing is appended to a signal's own endpoint, and only that signal has one."""
    found = read(
        METRICS_ENDPOINT="http://prometheus:9090/api/v1/otlp/v1/metrics", LOGS_ENDPOINT="http://loki"
    )
    assert {signal: endpoint.url for signal, endpoint in found.items()} == {
        "metrics": "http://prometheus:9090/api/v1/otlp/v1/metrics",
        "logs": "http://loki/",
    }


def test_a_signals_own_variables_win(tmp_path: Path) -> None:
    """Each variable of a signal replaces the general one whole; an empty one does not."""
    own, general = tmp_path / "own.pem", tmp_path / "general.pem"
    own.write_text(PEM)
    general.write_text(PEM)
    found = read(
        ENDPOINT="http://localhost:4318",
        PROTOCOL="http/protobuf",
        HEADERS="a=1,b=2",
        TIMEOUT="7",
        COMPRESSION="gzip",
        CERTIFICATE=str(general),
        TRACES_PROTOCOL="grpc",
        TRACES_ENDPOINT="https://tempo:4317",
        TRACES_HEADERS="c=3",
        TRACES_TIMEOUT="2.5",
        TRACES_COMPRESSION="none",
        TRACES_CERTIFICATE=str(own),
        LOGS_HEADERS="",
        LOGS_PROTOCOL="",
    )
    traces, logs = found["traces"], found["logs"]
    assert (traces.protocol, traces.url, traces.headers) == ("grpc", "tempo:4317", (("c", "3"),))
    assert (traces.timeout_s, traces.compression, traces.tls.certificate) == (2.5, "none", own)
    assert (logs.protocol, logs.headers) == ("http/protobuf", (("a", "1"), ("b", "2")))
    assert (logs.timeout_s, logs.compression, logs.tls.certificate) == (7.0, "gzip", general)


@pytest.mark.parametrize(
    ("endpoint", "protocol", "url", "insecure"),
    [
        ("http://h:4317", "grpc", "h:4317", True),
        ("https://h:4317/ignored", "grpc", "h:4317", False),
        ("h:4317", "grpc", "h:4317", False),
        ("http://h:4318", "http/json", "http://h:4318/v1/metrics", False),
        ("http://h:14317", "http/json", "http://h:14317/v1/metrics", False),
    ],
)
def test_port_4317_is_grpc(endpoint: str, protocol: str, url: str, insecure: bool) -> None:
    """Where no protocol is named, the port of gRPC says it, and the scheme whether there is TLS."""
    found = metrics(ENDPOINT=endpoint)
    assert (found.protocol, found.url, found.insecure) == (protocol, url, insecure)


def test_a_named_protocol_wins_over_the_port() -> None:
    """Port 4317 means nothing once a protocol is named."""
    assert metrics(ENDPOINT="http://h:4317", PROTOCOL="HTTP/protobuf").protocol == "http/protobuf"


@pytest.mark.parametrize(
    ("endpoint", "flag", "insecure"),
    [
        ("h:1", "true", True),
        ("h:1", "TRUE", True),
        ("h:1", "yes", False),
        ("https://h:1", "true", False),
        ("http://h:1", "false", False),
        ("unix:/run/otel.sock", "true", True),
    ],
)
def test_the_insecure_flag(endpoint: str, flag: str, insecure: bool) -> None:
    """The flag decides on TLS for gRPC, but never takes it from an https endpoint."""
    assert metrics(ENDPOINT=endpoint, PROTOCOL="grpc", INSECURE=flag).insecure is insecure


def test_the_insecure_flag_of_a_signal() -> None:
    """A signal's own flag wins, and HTTP does not look at any."""
    assert metrics(ENDPOINT="h:1", PROTOCOL="grpc", INSECURE="false", METRICS_INSECURE="true").insecure
    assert not metrics(ENDPOINT="https://h:1", INSECURE="true").insecure


CREDENTIALS = [
    {"ENDPOINT": "http://h:4318", "HEADERS": "authorization=x"},
    {"ENDPOINT": "http://127.0.0.1.example.net:4318", "HEADERS": "authorization=x"},
    {"ENDPOINT": "http://me:pw@h:4318"},
    {"ENDPOINT": "http://h:4318/?api-key=x"},
    {"ENDPOINT": "http://h:4317", "HEADERS": "authorization=x"},
    {"ENDPOINT": "http://localhost:1", "METRICS_ENDPOINT": "http://h:1/m", "METRICS_HEADERS": "a=x"},
]


@pytest.mark.parametrize("variables", CREDENTIALS)
def test_credentials_need_tls(variables: dict[str, str]) -> None:
    """What may be a secret goes to another machine in plain text only if that is permitted."""
    with pytest.raises(
        ConfigError, match=r"_ENDPOINT='http://.* permit it with OTEL_EXPORTER_OTLP_INSECURE=true"
    ):
        read(**variables)
    with pytest.raises(ConfigError, match="INSECURE"):
        read(**variables, METRICS_INSECURE="false")
    assert read(**variables, INSECURE="True")["metrics"].url
    secure = {name: value.replace("http:", "https:") for name, value in variables.items()}
    assert read(**secure)["metrics"].url


@pytest.mark.parametrize(
    ("host", "protocol"),
    [
        ("http://localhost:4318", "http/json"),
        ("http://LocalHost", "http/json"),
        ("http://127.8.9.1:4318", "http/json"),
        ("http://[::1]:4318", "http/json"),
        ("http://0.0.0.0:4318", "http/json"),
        ("http://localhost:4317", "grpc"),
        ("unix:/run/otel.sock", "grpc"),
    ],
)
def test_credentials_may_stay_on_the_machine(host: str, protocol: str) -> None:
    """On loopback nobody listens in: nothing needs to be permitted."""
    assert metrics(ENDPOINT=host, PROTOCOL=protocol, HEADERS="authorization=x").headers


def test_grafana_clouds_header() -> None:
    """The encoded header that Grafana Cloud's documentation gives, with base64's own equals signs."""
    found = metrics(
        ENDPOINT="https://otlp-gateway-prod-us-central-0.grafana.net/otlp",
        HEADERS="Authorization=Basic%20MTIzNDU2OmdsY19leGFtcGxlPQ==",
    )
    assert found.url == "https://otlp-gateway-prod-us-central-0.grafana.net/otlp/v1/metrics"
    assert found.headers == (("authorization", "Basic MTIzNDU2OmdsY19leGFtcGxlPQ=="),)


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("", ()),
        (" , ,", ()),
        ("A=1, b = 2 ,a=3", (("a", "3"), ("b", "2"))),
        ("a=", (("a", ""),)),
        ("k=a%2Cb%3Dc%25", (("k", "a,b=c%"),)),
        ("k=not encoded 100%25", (("k", "not encoded 100%25"),)),
    ],
)
def test_headers(text: str, headers: tuple[tuple[str, str], ...]) -> None:
    """Names in lower case, values decoded unless they were not encoded, the last of a name counts."""
    assert metrics(HEADERS=text).headers == headers


def test_user_info_becomes_a_header() -> None:
    """User and password of a URL go into the header that they stand for, as clients of HTTP do it."""
    found = metrics(ENDPOINT="https://me:p%40ss@h", HEADERS="authorization=other,x=1")
    assert found.headers == (("authorization", "Basic bWU6cEBzcw=="), ("x", "1"))


@pytest.mark.parametrize(("text", "seconds"), [("0.5", 0.5), (" 30 ", 30.0), ("10000", MAX_TIMEOUT_S)])
def test_timeouts_are_seconds(text: str, seconds: float) -> None:
    """As OpenTelemetry for Python reads it; bounded, for those who mean milliseconds."""
    assert metrics(TIMEOUT=text).timeout_s == seconds


def test_client_certificates(tmp_path: Path) -> None:
    """A client's certificate needs no authority beside it, and its key may be in the same file."""
    pem = tmp_path / "client.pem"
    pem.write_text(PEM)
    assert metrics(CLIENT_CERTIFICATE=str(pem)).tls.client_certificate == pem
    assert metrics(CLIENT_CERTIFICATE=str(pem), METRICS_CLIENT_KEY=str(pem)).tls.client_key == pem


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ENDPOINT": "localhost:4318"}, "does not begin with http:// or https://"),
        ({"ENDPOINT": "ftp://h"}, "does not begin with"),
        ({"ENDPOINT": "http://"}, "names no host"),
        ({"ENDPOINT": "http://:4318"}, "names no host"),
        ({"ENDPOINT": "http://h:port"}, "is not a URL"),
        ({"ENDPOINT": "http://h:99999"}, "is not a URL"),
        ({"ENDPOINT": "http://[::1"}, "is not a URL"),
        ({"ENDPOINT": "http://a b"}, "has a space"),
        ({"ENDPOINT": "http://a\nb"}, "has a space or a character"),
        ({"ENDPOINT": "http://", "PROTOCOL": "grpc"}, "names no host"),
        ({"ENDPOINT": "http://u:p@h:4317"}, "user info, which gRPC cannot send"),
        (
            {"PROTOCOL": "http"},
            "OTEL_EXPORTER_OTLP_PROTOCOL='http' is not one of http/json, http/protobuf, grpc",
        ),
        ({"METRICS_COMPRESSION": "zstd"}, "METRICS_COMPRESSION='zstd' is not one of none, gzip, deflate"),
        ({"COMPRESSION": "deflate", "PROTOCOL": "grpc"}, "cannot be had with gRPC"),
        ({"TIMEOUT": "10s"}, "TIMEOUT='10s' is not a number of seconds above 0"),
        ({"TIMEOUT": "0"}, "is not a number of seconds above 0"),
        ({"TIMEOUT": "nan"}, "is not a number of seconds above 0"),
        ({"TIMEOUT": "inf"}, "is not a number of seconds above 0"),
        ({"HEADERS": "a=1,authorization"}, "Entry 2 of OTEL_EXPORTER_OTLP_HEADERS is not name=value"),
        ({"HEADERS": "a b=1"}, "Entry 1 of OTEL_EXPORTER_OTLP_HEADERS is not name=value"),
        ({"LOGS_HEADERS": "=1"}, "Entry 1 of OTEL_EXPORTER_OTLP_LOGS_HEADERS"),
        ({"HEADERS": "a=x%0d%0ab"}, "character that no header can hold"),
        ({"HEADERS": "a=%C3%A4"}, "character that no header can hold"),
        ({"HEADERS": "Content-Type=text/plain"}, "sets 'content-type'"),
        ({"HEADERS": "a~b=1", "PROTOCOL": "grpc"}, "sets 'a~b', which gRPC cannot send"),
        ({"HEADERS": "grpc-timeout=1", "PROTOCOL": "grpc"}, "sets 'grpc-timeout', which gRPC cannot send"),
        ({"CERTIFICATE": "/nowhere/ca.pem"}, "CERTIFICATE='/nowhere/ca.pem' cannot be read: No such file"),
        ({"CERTIFICATE": "a\0b"}, "cannot be read"),
        ({"CERTIFICATE": "/"}, "cannot be read: Is a directory"),
        ({"CERTIFICATE": __file__ + "c"}, "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_an_error(variables: dict[str, str], message: str) -> None:
    """Each mistake names its variable and what to do."""
    with pytest.raises(ConfigError, match="OTEL_EXPORTER_OTLP_") as raised:
        read(**{"ENDPOINT": "http://localhost:4318", **variables})
    assert message in str(raised.value)


def test_certificates_must_be_pem(tmp_path: Path) -> None:
    """A file without a PEM header, and a key without its certificate, are errors."""
    der, pem = tmp_path / "ca.der", tmp_path / "client.key"
    der.write_bytes(b"\x30\x82")
    pem.write_text(PEM)
    with pytest.raises(ConfigError, match="it is not a PEM file"):
        metrics(CERTIFICATE=str(der))
    with pytest.raises(ConfigError, match="Set OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE too"):
        metrics(LOGS_CLIENT_KEY=str(pem))


@pytest.mark.parametrize(
    "variables",
    [
        {"ENDPOINT": f"http://user:{SECRET}@h:port"},
        {"ENDPOINT": f"http://user:{SECRET}/x@h:99999/?a"},
        {"ENDPOINT": f"user:{SECRET}@h"},
        {"ENDPOINT": f"http://user:{SECRET}@"},
        {"ENDPOINT": f"http://{SECRET}@[::1"},
        {"ENDPOINT": f"http://u:{SECRET}@h:4317"},
        {"ENDPOINT": f"http://:port/?api-key={SECRET}"},
        {"HEADERS": SECRET},
        {"HEADERS": f"{SECRET}+=", "PROTOCOL": "grpc"},
        {"HEADERS": f"{SECRET}+==", "PROTOCOL": "grpc"},
        {"CLIENT_KEY": f"-----BEGIN PRIVATE KEY-----\n{SECRET}"},
        {"CLIENT_KEY": SECRET * 50},
        {"HEADERS": f"a b={SECRET}"},
        {"HEADERS": f"a={SECRET}%00"},
        {"HEADERS": f"host={SECRET}"},
        {"HEADERS": f"a=1,{SECRET},b=2"},
    ],
)
def test_errors_never_repeat_a_secret(variables: dict[str, str]) -> None:
    """Neither header values nor user info nor a query get into an error's text or its causes."""
    with pytest.raises(ConfigError) as raised:
        read(**{"ENDPOINT": "http://localhost:4318", **variables})
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
