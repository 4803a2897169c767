"""Keeps passwords and tokens out of what is told of a run's settings."""

import re
from argparse import Namespace
from collections import deque
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import unquote_plus

MASK: Final = "***"

_DEPTH: Final = 16
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SECRET: Final = re.compile(
    "pass(word|wd|phrase|code)s?|pwd|secrets?|credentials?|authorization|bearer|cookies?|(api|access|secret|private)keys?"
)
_KEYS: Final = re.compile(
    "api|access|secret|private|auth|account|encryption|signing|ssh|license"
    "|aws|azure|comet|github|hf|kaggle|mlflow|neptune|openai|wandb"
)
# What stands before "token" where it is a piece of text, and nobody's secret.
_OF_TEXTS: Final = re.compile(
    "begin|bos|class|cls|decoder|dist|empty|end|eod|eos|eot|forced|image|mask|pad|query|register|sep|sos|special"
    "|start|stop|suppress|unk|video"
)
_USER_INFO: Final = re.compile(r"(?<=://)[^/\s]+(?=@)")
_QUERY_KEY: Final = re.compile(r"(?<=[?&;#])([^?&;#=\s\"]+)=")
_QUERY_VALUE: Final = re.compile(r"[^&#\s\"]+")
# As in signed links: in other settings these are no secrets.
_SECRET_IN_QUERY: Final = re.compile("sig|signature|key|code|jwt")


def masked(value: Any) -> Any:
    """Return settings with `MASK` in place of every value whose key names a secret, and of user info in URLs.

    A key is taken by its words: ``db_password``, ``apiKey``, ``hf_token``; ``tokenizer``, ``max_tokens`` and
    ``pad_token`` are none. None, booleans and empty strings stay, and so does a number under ``..._token``. Queries of
    URLs are looked through as well; in these a signature (``sig``, ``X-Amz-Signature``) and ``key`` are secrets too.

    Args:
        value: Mappings and lists of anything; it is not changed.
    """
    return _masked(value, 0)


def _masked(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _masked_urls(value) if "://" in value else value
    if depth >= _DEPTH:  # perhaps a cycle; whoever writes it goes less deep
        return value
    if isinstance(value, Mapping):
        return _masked_items(value, depth)
    if type(value) is tuple:
        return tuple(_masked(item, depth + 1) for item in value)
    if isinstance(value, (list, deque)):
        return [_masked(item, depth + 1) for item in value]
    if type(value) in (Namespace, SimpleNamespace):
        return type(value)(**_masked_items(vars(value), depth))
    return value


def _masked_items(value: "Mapping[Any, Any]", depth: int) -> Any:
    try:
        items = list(value.items())
    except Exception as error:  # noqa: BLE001 - what cannot be looked through must not be told, either
        return f"<unprintable {type(value).__name__}: {type(error).__name__}>"
    return {key: MASK if _is_secret(key, item) else _masked(item, depth + 1) for key, item in items}


def _masked_urls(text: str) -> str:
    """A text without the user info of URLs, and without what their queries and fragments say under a secret's name."""
    spans = sorted([*(found.span() for found in _USER_INFO.finditer(text)), *_secrets_in_queries(text)])
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        if start >= end:  # else one goes on where the other is: user info may hold a ?, and a value an @
            parts += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*parts, text[end:]])


def _secrets_in_queries(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while (key := _QUERY_KEY.search(text, at)) is not None:
        at = key.end()
        if _is_secret_in_query(unquote_plus(key[1])):
            value = _QUERY_VALUE.match(text, at)
            if value is not None:
                yield value.span()
                at = value.end()


def _is_secret_in_query(key: str) -> bool:
    return _is_secret(key, MASK) or any(
        _SECRET_IN_QUERY.fullmatch(word.lower()) for word in _WORDS.findall(key)
    )


def _is_secret(key: Any, value: Any) -> bool:
    if not isinstance(key, str) or value is None or isinstance(value, bool):
        return False
    if isinstance(value, str) and not value:
        return False
    words = [word.lower() for word in _WORDS.findall(key)]
    if any(map(_SECRET.fullmatch, words)):
        return True
    pairs = list(zip(["", *words], words, strict=False))
    if any(word in ("key", "keys") and _KEYS.fullmatch(before) for before, word in pairs):
        return True
    before, last = pairs[-1] if pairs else ("", "")
    if last in ("token", "tokens"):
        return not _OF_TEXTS.fullmatch(before) and _is_text(value)
    return last in ("auth", "pass") and _is_text(value)


def _is_text(value: Any) -> bool:
    """Whether it is a text, or several, as a secret is."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_is_text, value))
    return isinstance(value, (str, bytes))
