"""What an HTTP answer means for the lines that were sent."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Literal

from otel_mmlog.sender.types import Answer

MAX_RETRY_AFTER_S = 3600.0
_MAX_DETAIL_CHARS = 300
_REJECTED = ("rejectedDataPoints", "rejectedLogRecords", "rejectedSpans")
_KINDS: dict[int, Literal["retry", "split", "bad"]] = {
    400: "bad",
    408: "retry",
    413: "split",
    422: "bad",
    425: "retry",
    429: "retry",
}
_TOO_LARGE = b"request body too large"  # how a Go server's 400 says 413, a Collector's among them
_PROTOBUF = ("application/x-protobuf", "application/octet-stream")  # Loki names no better type
_ADVICE = {
    401: "Check OTEL_EXPORTER_OTLP_HEADERS",
    403: "Check OTEL_EXPORTER_OTLP_HEADERS",
    404: "Check the endpoint's path",
    405: "Check the endpoint's path",
    407: "Check the proxy's user and password",
}


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What a server answered.

    Attributes:
        status: As in ``HTTP/1.1 503``.
        headers: Names in lower case.
        body: As much of it as was read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def http_answer(response: HttpResponse, *, now_s: float, secrets: Sequence[str] = ()) -> Answer:
    """Return what to do about a response.

    Args:
        response: The server's.
        now_s: Unix time, for a Retry-After that is a date where the response has no date of its own.
        secrets: Strings that must not get into the answer's detail.
    """
    if 200 <= response.status < 300:
        return _delivered(response, secrets)
    kind = _kind(response)
    words = [_status_text(response.status), _message(response), _advice(response)]
    return Answer(
        kind=kind,
        detail=one_line(": ".join(filter(None, words)), secrets),
        retry_after_s=_retry_after_s(response.headers, now_s) if kind == "retry" else None,
        wants_protobuf=response.status == 415,
    )


def delivered(rejected: int, message: str, secrets: Sequence[str] = ()) -> Answer:
    """Return the answer of a server that took the request, perhaps without some items."""
    if rejected > 0:
        message = f"the server rejected {rejected} of the items: {message or 'it does not say why'}"
    return Answer("delivered", one_line(message, secrets), rejected=max(rejected, 0))


def one_line(text: str, secrets: Sequence[str] = ()) -> str:
    """Return a text of anybody's on one line, of bounded length, with ``***`` for secrets."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= _MAX_DETAIL_CHARS else text[: _MAX_DETAIL_CHARS - 3] + "..."


def _kind(response: HttpResponse) -> Literal["retry", "split", "pause", "bad"]:
    if response.status == 400 and _TOO_LARGE in response.body:
        return "split"
    return "retry" if response.status >= 500 else _KINDS.get(response.status, "pause")


def _delivered(response: HttpResponse, secrets: Sequence[str]) -> Answer:
    if not response.body.strip():
        return Answer("delivered")
    if response.content_type == "application/x-protobuf":
        from otel_mmlog.sender.protobuf_answers import partial_success  # noqa: PLC0415 - JSON needs no protobuf

        found = partial_success(response.body)
    else:
        found = _json_partial_success(response.body)
    if found is None:
        kind = response.content_type or "no type"
        return Answer(
            "delivered",
            one_line(
                f"{_status_text(response.status)} with a body that is not OTLP ({kind}): is it an OTLP server?"
            ),
        )
    return delivered(*found, secrets)


def _json_partial_success(body: bytes) -> tuple[int, str] | None:
    """Return the rejected items and the message, or None for what is not an OTLP response."""
    response = _json(body)
    if not isinstance(response, dict):
        return None
    partial = response.get("partialSuccess")
    if not isinstance(partial, dict):
        return 0, ""
    rejected = sum(_count(partial.get(name)) for name in _REJECTED)
    return rejected, str(partial.get("errorMessage", ""))


def _count(value: Any) -> int:
    text = str(value)
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else 0


def _status_text(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def _message(response: HttpResponse) -> str:
    """Return the server's own words: google.rpc.Status as JSON or protobuf, or plain text."""
    if response.content_type in _PROTOBUF:
        from otel_mmlog.sender.protobuf_answers import status_message  # noqa: PLC0415 - JSON needs no protobuf

        return status_message(response.body)
    if response.content_type == "text/html":
        return ""
    status = _json(response.body)
    if isinstance(status, dict) and isinstance(status.get("message"), str):
        return str(status["message"])
    return response.body.decode("utf-8", "replace")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _advice(response: HttpResponse) -> str:
    if 300 <= response.status < 400:
        target = response.headers.get("location", "").partition("?")[0]
        where = f" to {target}" if target and "@" not in target else ""
        return f"it redirects{where}, which is not followed. Set the endpoint to where the server is"
    return _ADVICE.get(response.status, "")


def _retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,18}(\.[0-9]*)?", text):
        return min(float(text), MAX_RETRY_AFTER_S)
    until_s = _unix_s(text)
    if until_s is None:
        return None
    server_now_s = _unix_s(headers.get("date", ""))
    wait_s = until_s - (now_s if server_now_s is None else server_now_s)
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S)


def _unix_s(http_date: str) -> float | None:
    try:
        date: datetime = parsedate_to_datetime(http_date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp()
