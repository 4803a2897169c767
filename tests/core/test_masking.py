"""What of a run's settings is told, and what is a secret."""

from argparse import Namespace
from collections import deque
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_mmlog.core.masking import MASK, masked


@pytest.mark.parametrize(
    "key",
    [
        *(
            "password",
            "db_password",
            "dbPassword",
            "PASSWORD",
            "pwd",
            "passphrase",
            "client-secret",
            "credentials",
        ),
        *(
            "api_key",
            "apiKey",
            "apikey",
            "APIKEY",
            "x-api-key",
            "private_key",
            "AWS_SECRET_ACCESS_KEY",
            "ssh_key",
        ),
        *(
            "api_keys",
            "api_key_1",
            "hf_token_2",
            "private_key_pem",
            "wandb_key",
            "db_pass",
            "hf_tokens",
            "auth",
        ),
        *("token", "hf_token", "wandbToken", "access_token", "HF_TOKEN", "Authorization", "cookie"),
    ],
)
def test_secrets_are_masked(key: str) -> None:
    """A key whose words name a secret hides its value, however it is spelt and however deep it stands."""
    assert masked({"a": [({key: "x"},)]}) == {"a": [({key: MASK},)]}


def test_secrets_in_containers_of_other_kinds() -> None:
    """Parsed arguments and queues are looked through as dicts and lists are."""
    told = masked({"args": Namespace(lr=0.1, token="x"), "queue": deque([{"pwd": "x"}]), "auth": ["u", "p"]})
    assert told == {"args": Namespace(lr=0.1, token=MASK), "queue": [{"pwd": MASK}], "auth": MASK}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[
            (key, "x")
            for key in ("key", "keys", "monitor", "tokenizer", "out_type", "author", "keypoint", "passes")
        ],
        *[
            (key, "<x>")
            for key in ("pad_token", "bos_token", "cls_token", "decoder_start_token", "mask_token")
        ],
        *[(key, 512) for key in ("max_tokens", "num_token", "token_dim", "pad_token_id", "vocab_token")],
        *[("with_cls_token", True), ("use_auth", True), ("password", None), ("token", ""), ("secret", False)],
        ("key", {"key": "loss"}),
    ],
)
def test_settings_of_models_stay(key: str, value: Any) -> None:
    """What merely sounds like a secret is told, and so is that there is none."""
    assert masked({key: value}) == {key: value}


def test_user_info_of_urls() -> None:
    """A URL in any string loses user and password, and nothing else."""
    told = {
        "db": "postgres://me:a@b@db/runs?x=1",
        "repo": "https://tok@github.com/a",
        "to": ["s3://bucket/a@b"],
    }
    shown = {
        "db": f"postgres://{MASK}@db/runs?x=1",
        "repo": f"https://{MASK}@github.com/a",
        "to": ["s3://bucket/a@b"],
    }
    assert masked(told) == shown


SIGNED = "https://b.s3.amazonaws.com/a.tar?X-Amz-Algorithm=AWS4&X-Amz-Credential={}&X-Amz-Signature={}#page=1"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/x?token=abc&sig=%2Babc&v=2", f"https://h/x?token={MASK}&sig={MASK}&v=2"),
        (SIGNED.format("AKIA/1", "f00"), SIGNED.format(MASK, MASK)),
        ("postgres://h/db?user=me&password=a;b", f"postgres://h/db?user=me&password={MASK}"),
        ("jdbc:sqlserver://h:1433;user=me;password=x", f"jdbc:sqlserver://h:1433;user=me;password={MASK}"),
        ("https://h?token=a@b", f"https://{MASK}"),
        ("https://u:p;token=a@h/x", f"https://{MASK}"),
        ("https://app/cb#access_token=abc&page=2", f"https://app/cb#access_token={MASK}&page=2"),
        ("https://h/?api%5Fkey=abc&amp;key=d", f"https://h/?api%5Fkey={MASK}&amp;key={MASK}"),
        ('curl "https://h/x?hf_token=abc" -o a.tar', f'curl "https://h/x?hf_token={MASK}" -o a.tar'),
        ("get http://u:p@h?token=a http://h?sig=b", f"get http://{MASK}@h?token={MASK} http://h?sig={MASK}"),
    ],
)
def test_queries_of_urls(url: str, shown: str) -> None:
    """What stands in a query or a fragment under a name of a secret is masked, and masking twice changes nothing."""
    assert masked({"data": [url]}) == {"data": [shown]}
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "url",
    [
        "https://h/x?page=2&tokenizer=bpe&lr=0.1",
        "https://h/x?token=&token&a",
        "https://h/token=a/sig=b",
        "s3://b?",
    ],
)
def test_urls_without_secrets_stay(url: str) -> None:
    """A name that only sounds like one, an empty value and a path are told."""
    assert masked(url) == url


@given(
    st.sampled_from(["token", "sig", "db_password", "X-Amz-Signature", "api_key", "access%5Ftoken"]),
    st.text(st.sampled_from("abz09-._~!$'()*+,;=:@/?%"), min_size=1),
    st.lists(st.text(st.sampled_from("ab=;?#&/%1@")), max_size=4),
    st.sampled_from(["", "/"]),
)
def test_no_part_of_a_secret_in_a_query_is_told(key: str, secret: str, others: list[str], end: str) -> None:
    """Whatever a URL may hold, and whatever stands around it."""
    secret = f"XY{secret}XY"
    told = masked(f"https://h{end}?" + "&".join([*others, f"{key}={secret}", *others]))
    assert "X" not in told.replace("X-Amz", "")


@pytest.mark.parametrize("part", [";a=1", "?sig=a@", "#key=", "://", "&%61"])
def test_a_long_text_is_looked_through_once(part: str) -> None:
    """Masking a text of a megabyte is quick, whatever is in it: with a search a key it takes hours."""
    assert len(masked("x://y?" + part * (1_000_000 // len(part)))) > 0


def test_nothing_is_changed() -> None:
    """The settings themselves stay, whatever kind of mapping they are; a cycle ends."""
    told: dict[str, Any] = {"password": "x"}
    told["self"] = told
    assert masked(MappingProxyType(told))["password"] == MASK
    assert told["password"] == "x"


@given(
    st.dictionaries(
        st.sampled_from(["lr", "type", "key"]),
        st.text() | st.integers() | st.lists(st.floats(allow_nan=False)),
    )
)
def test_ordinary_settings_are_equal(settings: dict[str, Any]) -> None:
    """Without secrets and URLs the copy equals the original."""
    if "://" not in str(settings):
        assert masked(settings) == settings


class Raising(dict[str, str]):
    """Cannot be looked through in one way, and can in another."""

    def items(self) -> Any:
        raise RuntimeError("no")


def test_what_cannot_be_looked_through_is_not_told() -> None:
    """A mapping that raises costs itself alone, and no secret in it gets out."""
    told = masked({"model": Raising(token="hunter2"), "lr": 0.1})
    assert told == {"model": "<unprintable Raising: RuntimeError>", "lr": 0.1}
