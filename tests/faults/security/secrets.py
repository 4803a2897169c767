"""Secrets that a run has to do with: they are in what is sent to where they belong, and nowhere else."""

import base64
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from otel_mmlog.sender.endpoints import Protocol
from otel_mmlog.testing import FakeReceiver, Tls
from otel_mmlog.testing.script import Reply, Request
from tests.end_to_end.servers import wait_until
from tests.faults.endpoint.refusals import endpoint_of
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, unless
from tests.faults.security.canaries import Watch, canary, environment_of
from tests.faults.security.secret_run import IN_CONFIG
from tests.faults.training import ENDPOINT, send, sender_pids, wait_for_senders
from tests.processes import REPOSITORY, environment
from tests.sender.certificates import Authority

_HEADERS = {
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{canary('headers')},x-scope={canary('scope')}",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS": f"api-key={canary('metrics-headers')}",
}
_UNRELATED = {
    name: canary(name)
    for name in ("AWS_SECRET_ACCESS_KEY", "WANDB_API_KEY", "HF_TOKEN", "MY_PASSWORD", "SSH_AUTH_SOCK")
}
_SENT = [canary(name) for name in ("headers", "scope", "metrics-headers")]
_ARGUMENT = canary("argument")
_ALLOWED = ("OTEL_", "GRPC_", "MALLOC_")
_ALLOWED_NAMES = {
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
}


@contextmanager
def _running(work_dir: Path, variables: Mapping[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """A run that is ready to end; its output goes to files in work_dir."""
    work_dir.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.faults.security.secret_run", str(work_dir), "--token", _ARGUMENT]
    with (work_dir / "stdout").open("wb") as out, (work_dir / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=environment({"OTEL_MMLOG_LINGER": "0", **_UNRELATED, **variables}),
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=errors,
        )
    with process:
        try:
            ready = wait_until(lambda: b"ready\n" in (work_dir / "stdout").read_bytes(), 30)
            assert ready, (work_dir / "stderr").read_text()
            yield process
        finally:
            process.kill()


def in_a_run(context: Context, protocol: Protocol) -> Outcome:
    """A run that delivers: the server gets its headers; files, output and process list have no secret."""
    work_dir = context.folder / "run"
    watch = Watch([*_SENT, *_UNRELATED.values(), *IN_CONFIG, _ARGUMENT])
    wrong: list[str] = []
    with FakeReceiver() as receiver:
        variables = {ENDPOINT: endpoint_of(receiver, protocol), "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        with _running(work_dir, {**_HEADERS, **variables}) as process:
            senders = sender_pids(work_dir)
            watch.look_at_processes(senders)
            wrong += unless(len(senders) == 1, f"there are {len(senders)} senders")
            wrong += [each for pid in senders for each in _superfluous(environment_of(pid))]
            watch.look_below(work_dir)
            process.communicate(b"end\n", 30)
        wait_for_senders(work_dir)
        headers = str([request.headers for request in receiver.requests])
        for request in receiver.requests:
            watch.look("a request's body", request.body)
    watch.look_below(work_dir)
    wrong += unless(process.returncode == 0, f"the run ended with {process.returncode}")
    wrong += [f"the server did not get {secret}" for secret in _SENT if secret not in headers]
    return Outcome(wrong=wrong + watch.wrong, note=f"{watch.places} places")


def _superfluous(variables: Mapping[str, str]) -> list[str]:
    return [
        f"the sender has {name} in its environment"
        for name in variables
        if name not in _ALLOWED_NAMES
        and not name.startswith(_ALLOWED)
        and not name.upper().endswith("_PROXY")
    ]


def echoed(context: Context, protocol: Protocol) -> Outcome:
    """A server, or what stands before it, refuses and repeats what it was given: header, user info, query."""
    work_dir = context.folder / "run"
    user_info = canary("url-password")
    watch = Watch([*_SENT, user_info, canary("url-query"), *_UNRELATED.values(), *IN_CONFIG])
    with FakeReceiver() as receiver:
        receiver.answer_by(_echo)
        endpoint = endpoint_of(receiver, protocol)
        variables = {ENDPOINT: endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, **_HEADERS}
        if protocol != "grpc":
            own = f"{endpoint.replace('//', f'//me:{user_info}@')}/v1/logs?key={canary('url-query')}"
            variables["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] = own
        with _running(work_dir, variables) as process:
            wait_until(lambda: len({request.signal for request in receiver.requests}) == 3, 20)
            watch.look_at_processes(sender_pids(work_dir))
            process.communicate(b"end\n", 30)
        wait_for_senders(work_dir)
        by_hand = send(work_dir, endpoint, "--protocol", protocol, **_HEADERS)
        watch.look("what `send` says", by_hand.stdout + by_hand.stderr)
        heard = {request.signal for request in receiver.requests}
    watch.look_below(work_dir)
    said = (work_dir / "otlp/rank0000/sender.log").read_text()
    wrong = unless("***" in said, f"the sender's log does not have the server's words: {said[-300:]}")
    wrong += unless(len(heard) == 3, f"only {sorted(heard)} were sent")
    wrong += unless(by_hand.returncode == 1, f"send ended with {by_hand.returncode}")
    return Outcome(wrong=wrong + watch.wrong, note=f"{watch.places} places")


def _echo(request: Request) -> Reply:
    words = [request.path.partition("?")[2], *map(str, request.headers.values())]
    for value in map(str, request.headers.values()):
        kind, _, credentials = value.partition(" ")
        if kind == "Basic":
            words.insert(0, base64.b64decode(credentials).decode())
    return Reply(401, message=f"not allowed: {'; '.join(words)}")


def client_key(context: Context) -> Outcome:
    """A client's private key, by its path: nothing of the file is anywhere else."""
    work_dir = context.folder / "run"
    certificates = context.folder / "certificates"
    certificates.mkdir()
    authority = Authority(certificates, "authority")
    server, client = authority.issue("server"), authority.issue("client")
    watch = Watch(client.key.read_text().split("\n")[1:3])
    tls = Tls(server.certificate, server.key, authority.certificate)
    with FakeReceiver(tls=tls) as receiver:
        variables = {
            ENDPOINT: receiver.http_endpoint,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.certificate),
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(client.certificate),
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(client.key),
        }
        with _running(work_dir, variables) as process:
            for pid in sender_pids(work_dir):
                watch.look_at_processes([pid])
                watch.look("the sender's environment", str(environment_of(pid)))
            process.communicate(b"end\n", 30)
        wait_for_senders(work_dir)
        clients = {request.client for request in receiver.requests}
    watch.look_below(work_dir)
    wrong = unless(clients == {"client"}, f"the server saw {clients}")
    return Outcome(wrong=wrong + watch.wrong, note=f"{watch.places} places")


FAULTS: Sequence[Fault] = named(
    "security",
    [
        Fault("secrets-http", partial(in_a_run, protocol="http/json")),
        Fault("secrets-grpc", partial(in_a_run, protocol="grpc")),
        Fault("secrets-echoed-http", partial(echoed, protocol="http/json")),
        Fault("secrets-echoed-grpc", partial(echoed, protocol="grpc")),
        Fault("secrets-client-key", client_key),
    ],
)
