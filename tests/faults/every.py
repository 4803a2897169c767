"""All faults, in the order of the table."""

from collections.abc import Sequence

from tests.faults.death import exits, kernel_kills, restart, senders, trainings, two_senders
from tests.faults.disk import corruption, of_senders, of_trainings, real
from tests.faults.endpoint import grpc_answers, http_answers, lines, network, outage, taken, tls
from tests.faults.fault import Fault
from tests.faults.processes import forks, many_writers, soak
from tests.faults.security import files, injection, listening, mistakes, proxies, secrets, shares
from tests.faults.security import network as security_network
from tests.faults.values import clocks, fuzz, odd_values

_GROUPS = (
    *(http_answers, taken, lines, grpc_answers, network, tls, outage),
    *(trainings, kernel_kills, senders, two_senders, exits, restart),
    *(forks, many_writers, soak),
    *(of_trainings, of_senders, real, corruption),
    *(odd_values, clocks, fuzz),
    *(injection, secrets, mistakes, files, shares, security_network, proxies, listening),
)
FAULTS: Sequence[Fault] = tuple(fault for group in _GROUPS for fault in group.FAULTS)
