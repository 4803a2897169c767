import pytest

from otel_mmlog.otel.names import MAX_NAME_CHARS, MetricNames
from otel_mmlog.otel.prometheus import metric_name
from tests.otel.telemetry import ignore


@pytest.mark.parametrize(
    ("mode", "tag", "name"),
    [
        ("train", "loss", "mmlog.train.loss"),
        ("train", "train/loss", "mmlog.train.loss"),
        ("val", "acc/top1", "mmlog.val.acc.top1"),
        ("train", "val/acc", "mmlog.val.acc"),
        ("train", "train/", "mmlog.train.train."),
        ("train", "grad norm", "mmlog.train.grad_norm"),
        ("test", "准确率", "mmlog.test.准确率"),
    ],
)
def test_a_tag_is_named_after_its_mode_and_path(mode: str, tag: str, name: str) -> None:
    """Slashes become dots, and a mode in front of the tag is the mode."""
    assert MetricNames(ignore).name_for(mode, tag) == name


def test_a_hub_key_has_the_raw_prefix() -> None:
    """Raw values never mix with windowed ones."""
    assert MetricNames(ignore).raw_name_for("train/loss") == "mmlog.raw.train.loss"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.b", "a_b"),
        ("a/b", "a__b"),
        ("损失", "精度"),
        ("time", "time_seconds"),
        ("memory", "memory.mebibytes"),
    ],
)
def test_the_second_of_two_that_prometheus_would_merge_is_renamed(first: str, second: str) -> None:
    """The first keeps its name, the second gets a hash, one warning says so."""
    warnings: list[str] = []
    names = MetricNames(warnings.append)
    alone = MetricNames(ignore).name_for("train", first)
    assert names.name_for("train", first) == alone
    renamed = names.name_for("train", second)
    assert names.name_for("train", second) == renamed
    assert renamed != f"mmlog.train.{second.replace('/', '.')}"
    assert metric_name(renamed, "") != metric_name(alone, "")
    assert len(warnings) == 1
    assert second in warnings[0]


def test_the_hash_is_the_same_in_every_process() -> None:
    """Ranks and attempts agree on the renamed metric."""
    names = [MetricNames(ignore) for _ in range(2)]
    for one in names:
        one.name_for("train", "a.b")
    assert (
        names[0].name_for("train", "a_b") == names[1].name_for("train", "a_b") == "mmlog.train.a_b_6835db17"
    )


def test_a_dot_and_a_slash_make_one_otlp_name_too() -> None:
    """Two tags that are equal after translation still leave as two metrics."""
    names = MetricNames(ignore)
    assert names.name_for("train", "a/b") != names.name_for("train", "a.b")


def test_long_names_are_cut_and_stay_different() -> None:
    """A name has at most 255 characters, and a hash where it was cut."""
    names = MetricNames(ignore)
    one, other = names.name_for("train", "x" * 300 + "a"), names.name_for("train", "x" * 300 + "b")
    assert one != other
    assert len(one) == len(other) == MAX_NAME_CHARS


def test_names_never_carry_what_has_no_utf8_or_ends_a_line() -> None:
    """Lone surrogates, control characters and white space become underscores."""
    assert MetricNames(ignore).name_for("train", "a\ud800b\nc\x00d") == "mmlog.train.a_b_c_d"


@pytest.mark.parametrize("tag", ["iter ", "epoch!", "data.time_seconds", "time_seconds"])
def test_no_tag_takes_the_name_of_the_records_own_metrics(tag: str) -> None:
    """Dashboards join on mmlog.train.iter: a tag that would be the same in Prometheus is renamed, first or not."""
    warnings: list[str] = []
    names = MetricNames(warnings.append)
    names.name_for("train", tag)
    assert len(warnings) == 1
    assert names.name_for("train", "iter") == "mmlog.train.iter"
    assert names.name_for("train", "data_time") == "mmlog.train.data_time"
    assert len(warnings) == 1
