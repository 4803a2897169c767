"""All faults, in the order of the table."""

from collections.abc import Sequence

from tests.faults import endpoint_http
from tests.faults.fault import Fault

FAULTS: Sequence[Fault] = (*endpoint_http.FAULTS,)
