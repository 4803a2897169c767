"""Posts with requests, which knows TLS, proxies, ``.netrc`` and URLs of every kind."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from otel_mmlog.sender.answers import HttpResponse
from otel_mmlog.sender.bounded_body import read_body
from otel_mmlog.sender.endpoints import Endpoint
from otel_mmlog.sender.loopback import is_loopback
from otel_mmlog.sender.posting import NotPostedError, no_answer, refused_here, too_late
from otel_mmlog.sender.timed_session import timed_session

# No variable of a proxy counts then, ALL_PROXY included.
_DIRECTLY = {"http": "", "https": "", "all": ""}


class RequestsPoster:
    """Posts to an endpoint by whatever way its settings and the environment name.

    Args:
        endpoint: Where and how.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._session = timed_session()
        self._is_local = is_loopback(endpoint)
        self._may_use_netrc = self._is_local or endpoint.url.startswith("https:")

    def post(self, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """See `Poster`."""
        try:
            return self._post(body, headers)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Release connections."""
        self._session.close()

    def _post(self, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        tls, timeout_s = self._endpoint.tls, self._endpoint.timeout_s
        # `verify` is an argument here because requests lets CA variables win over the session's own.
        response = self._session.post(
            self._endpoint.url,
            data=body,
            headers=headers,
            auth=None if self._may_use_netrc and "authorization" not in headers else _as_it_is,
            verify=str(tls.certificate) if tls.certificate else True,
            cert=_client_certificate(self._endpoint),
            timeout=timeout_s,
            proxies=dict(_DIRECTLY) if self._is_local else None,  # requests adds to it
            allow_redirects=False,
            stream=True,
        )
        raw = response.raw
        read, is_whole = read_body(lambda size: raw.read1(size, decode_content=False), timeout_s, HTTPError)
        if is_whole:
            raw.release_conn()
        else:
            raw.close()
        return HttpResponse(
            response.status_code, {name.lower(): value for name, value in response.headers.items()}, read
        )

    def _failure(self, error: Exception) -> NotPostedError:
        where = urlsplit(self._endpoint.url).netloc
        if isinstance(error, ValueError):
            return refused_here(where, error)
        if not isinstance(error, (requests.RequestException, HTTPError)):
            return NotPostedError("pause", f"a TLS file cannot be read: {error}")
        if isinstance(error, requests.Timeout):
            return too_late(where, self._endpoint.timeout_s)
        return no_answer(where, _root(error))


def _as_it_is(request: Any) -> Any:
    """Keep requests from sending what ``.netrc`` has for the host, in plain text or in place of a header."""
    return request


def _client_certificate(endpoint: Endpoint) -> str | tuple[str, str] | None:
    certificate, key = endpoint.tls.client_certificate, endpoint.tls.client_key
    if certificate is None:
        return None
    return (str(certificate), str(key)) if key else str(certificate)


def _root(error: BaseException) -> BaseException:
    """Return the first cause: what is wrapped around it repeats URLs, perhaps a proxy's password."""
    while isinstance(error, (requests.RequestException, HTTPError)):
        cause = error.__cause__ or error.__context__
        if cause is None:
            break
        error = cause
    return error
