import uuid

from otel_mmlog.otel.identity import rank_trace_id, root_span_id, run_trace_id, service_instance_id


def test_ids_are_the_same_everywhere_and_for_ever() -> None:
    """Ranks, attempts and releases derive the same ids from the same run: golden values."""
    assert f"{run_trace_id('run-1', 0):032x}" == "112025dd98d2961c0f4ad0335b610915"
    assert f"{root_span_id('run-1', 0):016x}" == "a16329dab8c07a50"
    assert service_instance_id("run-1", 0, 3) == "464718b6-0b6f-5cc4-8957-6e8e2a935914"


def test_every_part_counts() -> None:
    """Another run, attempt, rank or purpose has another id."""
    ids = {
        run_trace_id("r", 0),
        run_trace_id("r", 1),
        run_trace_id("r\0", 1),
        run_trace_id("q", 0),
        root_span_id("r", 0),
        rank_trace_id("r", 0, 1),
        rank_trace_id("r", 0, 2),
        rank_trace_id("r", 1, 2),
    }
    assert len(ids) == 8


def test_rank_0_has_the_trace_of_the_run() -> None:
    """The root span and rank 0's own spans are in one trace."""
    assert rank_trace_id("r", 2, 0) == run_trace_id("r", 2)


def test_ids_fit_their_fields() -> None:
    """A trace id has 16 bytes, a span id 8, an instance id is a UUID of version 5."""
    assert 0 < run_trace_id("r", 0) < 2**128
    assert 0 < root_span_id("r", 0) < 2**64
    assert uuid.UUID(service_instance_id("r", 0, 0)).version == 5


def test_a_run_id_without_utf8_has_ids() -> None:
    """A badly encoded environment variable is still an identity."""
    assert run_trace_id("\udcff", 0) != run_trace_id("\udcfe", 0)
    assert service_instance_id("\udcff", 0, 0) != service_instance_id("\udcfe", 0, 0)
