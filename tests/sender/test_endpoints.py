"""What is url_without_secrets of an endpoint, and what is not."""

import pytest

from otel_mmlog.sender.endpoint_settings import read_endpoints
from otel_mmlog.sender.endpoints import Endpoint, describe, secrets, url_without_secrets

SECRET = "hunter2SECRET"


def metrics(**variables: str) -> Endpoint:
    """The endpoint of the metrics, by default on localhost."""
    settings = {"ENDPOINT": "http://localhost:4318", **variables}
    found = read_endpoints({f"OTEL_EXPORTER_OTLP_{name}": value for name, value in settings.items()})
    return (found or {})["metrics"]


def test_an_endpoint_shows_no_secret() -> None:
    """Description and repr have neither header values, user info nor the query."""
    found = metrics(ENDPOINT=f"https://u:{SECRET}@h/p?key={SECRET}", HEADERS=f"x={SECRET}")
    assert describe(found) == "https://h/p/v1/metrics?*** (http/json, gzip)"
    assert SECRET not in repr(found)
    assert SECRET in " ".join(secrets(found))


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"ENDPOINT": "http://h:4317"}, "h:4317 (grpc, no TLS)"),
        ({"ENDPOINT": "https://h:4317", "COMPRESSION": "gzip"}, "h:4317 (grpc, gzip, TLS)"),
        ({"COMPRESSION": "none"}, "http://localhost:4318/v1/metrics (http/json)"),
    ],
)
def test_descriptions(variables: dict[str, str], text: str) -> None:
    """A description says where, how, and for gRPC whether there is TLS."""
    assert describe(metrics(**variables)) == text


@pytest.mark.parametrize(
    ("url", "text"),
    [("a@b@c", "***@c"), ("http://u@h/p?q#f", "http://***@h/p?***"), ("http://h/p#f", "http://h/p#***")],
)
def test_malformed_urls_are_shown_without_secrets(url: str, text: str) -> None:
    """Everything before the last @ and behind a question mark is left out."""
    assert url_without_secrets(url) == text


def test_every_form_of_a_password_is_a_secret() -> None:
    """User info and Basic headers as they are and decoded, those of a proxy, and a token taken for a name."""
    basic = "bWU6YSUyRmI="  # me:a%2Fb
    found = metrics(
        ENDPOINT="http://me:sw%40rdfish@localhost:4318", HEADERS=f"proxy-auth=Basic {basic},dG9rZW4x="
    )
    hidden = secrets(found)
    assert {"me:sw@rdfish", "sw@rdfish", basic, "me:a%2Fb", "a%2Fb", "me:a/b"} <= set(hidden)
    assert "dg9rzw4x" in hidden
    proxied = read_endpoints(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318",
            "https_proxy": "http://me:pass%3Aword@proxy:3128",
        }
    )
    assert {"me:pass%3Aword", "pass:word", "bWU6cGFzczp3b3Jk"} <= set(secrets((proxied or {})["logs"]))
    assert "pass" not in repr(proxied)
