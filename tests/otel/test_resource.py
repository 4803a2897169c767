import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import OTELResourceDetector

from otel_mmlog.otel.resource import ResourceValue, build_resource, parse_resource_attributes


def build(environ: dict[str, str]) -> tuple[dict[str, ResourceValue], list[str]]:
    return build_resource(
        environ,
        experiment_name="exp",
        run_id="r",
        attempt=1,
        rank=3,
        local_rank=1,
        world_size=8,
        host="node7",
    )


def test_the_process_says_who_it_is() -> None:
    """Rank, run, host and experiment are there without any environment."""
    resource, warnings = build({})
    assert warnings == []
    assert (
        resource.items()
        >= {
            "service.name": "exp",
            "rank": 3,
            "local_rank": 1,
            "world_size": 8,
            "host.name": "node7",
            "mmlog.run.id": "r",
            "mmlog.run.attempt": 1,
            "mmlog.experiment.name": "exp",
            "telemetry.sdk.language": "python",
        }.items()
    )
    assert "process.pid" not in resource


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "exp"),
        ({"OTEL_SERVICE_NAME": ""}, "exp"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=injected"}, "injected"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=injected", "OTEL_SERVICE_NAME": "named"}, "named"),
    ],
)
def test_the_service_is_named_by_the_strongest_source(environ: dict[str, str], name: str) -> None:
    """OTEL_SERVICE_NAME, then OTEL_RESOURCE_ATTRIBUTES, then the experiment."""
    assert build(environ)[0]["service.name"] == name


def test_what_identifies_the_process_cannot_be_injected() -> None:
    """An operator that injects one instance id into all ranks would make them one."""
    injected = "service.instance.id=pod,rank=0,mmlog.run.id=x,host.name=k8s-node,team=a%2Cb"
    resource, _ = build({"OTEL_RESOURCE_ATTRIBUTES": injected})
    assert resource["service.instance.id"] == build({})[0]["service.instance.id"]
    assert resource["rank"] == 3
    assert resource["mmlog.run.id"] == "r"
    assert resource["host.name"] == "k8s-node"
    assert resource["team"] == "a,b"


def test_a_malformed_entry_costs_itself_and_is_named() -> None:
    """The others count; an empty entry, as after a last comma, is none."""
    attributes, warnings = parse_resource_attributes("a=1,,oops, =2,b=x=y,")
    assert attributes == {"a": "1", "b": "x=y"}
    assert len(warnings) == 2
    assert "'oops'" in warnings[0]


@given(st.text(st.sampled_from("ab=,%20E4 ;+é"), max_size=30))
def test_attributes_are_read_as_the_sdk_reads_them(text: str) -> None:
    """Whatever the variable holds, the SDK's own detector finds the same attributes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", text)
        patch.delenv("OTEL_SERVICE_NAME", raising=False)
        logging.disable()
        try:
            expected = dict(OTELResourceDetector().detect().attributes)
        finally:
            logging.disable(logging.NOTSET)
    assert parse_resource_attributes(text)[0] == {key: value for key, value in expected.items() if key}
