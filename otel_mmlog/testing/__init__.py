"""Tools to test what an application sends: an OTLP receiver that runs in the test.

::

    from otel_mmlog.testing import FakeReceiver

    with FakeReceiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint)
        train()
        assert [point.value for point in receiver.points("mmlog.train.loss")] == [2.5, 1.25]
"""

from otel_mmlog.testing.items import Log, Point, Span
from otel_mmlog.testing.receiver import FakeReceiver
from otel_mmlog.testing.script import Reply, Request
from otel_mmlog.testing.server_tls import Tls

__all__ = ["FakeReceiver", "Log", "Point", "Reply", "Request", "Span", "Tls"]
