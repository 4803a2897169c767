"""``otel-mmlog doctor``: it finds what is broken, says the fix, shows no secret and leaves nothing behind."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from otel_mmlog.cli.checks.disk import check_space
from otel_mmlog.cli.checks.finding import Finding
from otel_mmlog.cli.checks.versions import check_python, check_requirements
from otel_mmlog.cli.main import main
from otel_mmlog.core.segments import lock
from otel_mmlog.otel.journal_settings import JournalSettings
from otel_mmlog.sender.quarantine import put_aside
from otel_mmlog.testing import FakeReceiver, Tls
from tests.cli.conftest import MakeJournal
from tests.faults.security.canaries import Watch, canary
from tests.sender.certificates import Authority

OTLP = "OTEL_EXPORTER_OTLP_"
SetUp = Mapping[str, str]
Broken = Callable[[FakeReceiver, Path], SetUp]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of a launcher or of telemetry."""
    for name in os.environ:
        if name.startswith(("OTEL_", "RANK", "WORLD_SIZE", "LOCAL_", "SLURM_", "OMPI_", "TORCHELASTIC_")):
            monkeypatch.delenv(name)


def doctor(*arguments: object, env: SetUp | None = None) -> Result:
    """``otel-mmlog doctor ...`` in this process, its stdout and stderr apart."""
    return CliRunner(env=dict(env or {})).invoke(main, ["doctor", *map(str, arguments)])


def checks(result: Result) -> list[Finding]:
    """What ``--json`` told."""
    return [Finding(**each) for each in json.loads(result.stdout)["checks"]]


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def refused_port(_receiver: FakeReceiver, _folder: Path) -> SetUp:
    return {f"{OTLP}ENDPOINT": f"http://127.0.0.1:{unused_port()}"}


def http_to_grpc(receiver: FakeReceiver, _folder: Path) -> SetUp:
    return {f"{OTLP}ENDPOINT": receiver.grpc_endpoint}


def grpc_to_http(receiver: FakeReceiver, _folder: Path) -> SetUp:
    return {f"{OTLP}ENDPOINT": receiver.http_endpoint, f"{OTLP}PROTOCOL": "grpc"}


def unknown_name(_receiver: FakeReceiver, _folder: Path) -> SetUp:
    return {f"{OTLP}ENDPOINT": "http://collector.invalid:4318"}


def unauthorized(receiver: FakeReceiver, _folder: Path) -> SetUp:
    receiver.answer(401, times=None)
    return {f"{OTLP}ENDPOINT": receiver.http_endpoint}


def unauthorized_grpc(receiver: FakeReceiver, _folder: Path) -> SetUp:
    receiver.answer(401, times=None)
    return {f"{OTLP}ENDPOINT": receiver.grpc_endpoint, f"{OTLP}PROTOCOL": "grpc"}


def wrong_path(receiver: FakeReceiver, _folder: Path) -> SetUp:
    return {f"{OTLP}LOGS_ENDPOINT": f"{receiver.http_endpoint}/logs"}


def redirect(receiver: FakeReceiver, _folder: Path) -> SetUp:
    receiver.answer(302, times=None, headers={"Location": "https://elsewhere.invalid/"})
    return {f"{OTLP}ENDPOINT": receiver.http_endpoint}


def no_tls(receiver: FakeReceiver, _folder: Path) -> SetUp:
    return {f"{OTLP}ENDPOINT": receiver.http_endpoint.replace("http:", "https:")}


def failing_server(receiver: FakeReceiver, _folder: Path) -> SetUp:
    receiver.answer(503, times=None)
    return {f"{OTLP}ENDPOINT": receiver.http_endpoint}


def skewed_clock(receiver: FakeReceiver, _folder: Path) -> SetUp:
    late = formatdate(time.time() + 7200, usegmt=True)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: %s\r\n\r\n{}" % late.encode()
    receiver.answer(200, times=None, raw=reply)
    return {f"{OTLP}ENDPOINT": receiver.http_endpoint}


def silent_server(receiver: FakeReceiver, _folder: Path) -> SetUp:
    receiver.answer(200, delay_s=5, times=None)
    return {f"{OTLP}METRICS_ENDPOINT": f"{receiver.http_endpoint}/v1/metrics", f"{OTLP}TIMEOUT": "0.2"}


def plain_text_headers(_receiver: FakeReceiver, _folder: Path) -> SetUp:
    return {f"{OTLP}ENDPOINT": "http://otlp.example.com", f"{OTLP}HEADERS": "x=y"}


def bad_headers(receiver: FakeReceiver, _folder: Path) -> SetUp:
    return {f"{OTLP}ENDPOINT": receiver.http_endpoint, f"{OTLP}HEADERS": "no header"}


def proxy_that_is_down(_receiver: FakeReceiver, _folder: Path) -> SetUp:
    return {
        f"{OTLP}ENDPOINT": "http://otlp.example.com:4318",
        "HTTP_PROXY": f"http://127.0.0.1:{unused_port()}",
    }


def read_only_folder(_receiver: FakeReceiver, _folder: Path) -> SetUp:
    return {"OTEL_MMLOG_JOURNAL_DIR": "/proc/otel-mmlog"}


def file_as_folder(_receiver: FakeReceiver, folder: Path) -> SetUp:
    (folder / "file").touch()
    return {"OTEL_MMLOG_JOURNAL_DIR": str(folder / "file")}


BROKEN: Mapping[str, tuple[Broken, str, str, str]] = {
    "a refused port": (refused_port, "TCP", "refused", "start the server"),
    "HTTP to a gRPC port": (http_to_grpc, "metrics", "speaks gRPC", "PROTOCOL=grpc"),
    "gRPC to an HTTP port": (grpc_to_http, "logs", "speaks HTTP/1.1", "PROTOCOL=http/json"),
    "https to a port without TLS": (no_tls, "TLS", "no TLS", "write http://"),
    "a name that does not resolve": (unknown_name, "DNS", "does not resolve", "correct the host"),
    "401": (unauthorized, "traces", "401", f"{OTLP}HEADERS: it is not set"),
    "UNAUTHENTICATED": (unauthorized_grpc, "traces", "UNAUTHENTICATED", f"{OTLP}HEADERS"),
    "a path that is not there": (wrong_path, "logs", "404", "correct the path"),
    "a redirect": (redirect, "logs", "redirects", "where it redirects"),
    "a server that fails": (failing_server, "logs", "503", "log of the server"),
    "a silent server": (silent_server, "metrics", "did not answer within 0.2 s", f"{OTLP}TIMEOUT"),
    "a skewed clock": (skewed_clock, "clock", "behind the server's", "correct the clock"),
    "headers in plain text": (plain_text_headers, f"{OTLP}ENDPOINT", "plain text", "write https://"),
    "malformed headers": (bad_headers, f"{OTLP}HEADERS", "Entry 1", "write name=value"),
    "a proxy that is down": (proxy_that_is_down, "proxy TCP", "refused", "HTTP_PROXY"),
    "a folder that is read-only": (
        read_only_folder,
        "journal",
        "cannot be written",
        "OTEL_MMLOG_JOURNAL_DIR",
    ),
    "a file in place of a folder": (file_as_folder, "journal", "cannot be written", "OTEL_MMLOG_JOURNAL_DIR"),
    "a level that is none": (
        lambda *_: {"OTEL_MMLOG_LOG_LEVEL": "LOUD"},
        "OTEL_MMLOG_LOG_LEVEL",
        "LOUD",
        "set",
    ),
    "a rank that is none": (
        lambda *_: {"RANK": "one", "WORLD_SIZE": "2"},
        "RANK",
        "'one'",
        "set it as torchrun",
    ),
    "a rank without a world": (lambda *_: {"RANK": "1"}, "RANK", "WORLD_SIZE", "torchrun"),
    "a rank beyond the world": (
        lambda *_: {"RANK": "2", "WORLD_SIZE": "2"},
        "RANK",
        "between 0",
        "unset both",
    ),
    "a file mode that is none": (
        lambda *_: {"OTEL_MMLOG_FILE_MODE": "777"},
        "OTEL_MMLOG_FILE_MODE",
        "'777'",
        "set it",
    ),
    "a limit that is none": (
        lambda *_: {"OTEL_ATTRIBUTE_COUNT_LIMIT": "all"},
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
        "'all'",
        "unset it",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(name: str, receiver: FakeReceiver, tmp_path: Path) -> None:
    """Each broken set-up is a FAIL that names it, with a fix, and the exit code is 1."""
    breaks, what, found, fix = BROKEN[name]
    result = doctor("--json", tmp_path / "run", env=breaks(receiver, tmp_path))
    assert result.exit_code == 1, result.output
    failed = {finding.what: finding for finding in checks(result) if finding.status == "FAIL"}
    assert what in failed, result.stdout
    assert found in failed[what].found
    assert fix in failed[what].fix


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def tls(authority: Authority) -> Iterator[FakeReceiver]:
    pair = authority.issue("server")
    with FakeReceiver(tls=Tls(pair.certificate, pair.key)) as receiver:
        yield receiver


def test_a_certificate_that_has_expired(authority: Authority, tmp_path: Path) -> None:
    """It is told from one that nobody trusts."""
    pair = authority.issue("old", days=-2)
    env = {f"{OTLP}CERTIFICATE": str(authority.certificate)}
    with FakeReceiver(tls=Tls(pair.certificate, pair.key)) as receiver:
        result = doctor("--json", tmp_path, env={**env, f"{OTLP}ENDPOINT": receiver.http_endpoint})
        assert not receiver.requests
    [failed] = [finding for finding in checks(result) if finding.status == "FAIL"]
    assert failed.what == "TLS"
    assert "expired" in failed.found
    assert "renewed" in failed.fix


def test_tls(tls: FakeReceiver, authority: Authority, tmp_path: Path) -> None:
    """An authority that is not trusted fails; with its certificate the days that are left are told."""
    result = doctor(tmp_path, env={f"{OTLP}ENDPOINT": tls.http_endpoint})
    assert result.exit_code == 1
    assert f"{OTLP}CERTIFICATE to the PEM file" in result.stdout
    env = {f"{OTLP}ENDPOINT": tls.http_endpoint, f"{OTLP}CERTIFICATE": str(authority.certificate)}
    result = doctor(tmp_path, env=env)
    assert result.exit_code == 0, result.stdout
    assert "(30 days)" in result.stdout


def test_tls_asked_in_plain_text(tls: FakeReceiver, tmp_path: Path) -> None:
    """A port that speaks TLS and was asked without is told."""
    for protocol in ("http/json", "grpc"):
        endpoint = (tls.grpc_endpoint if protocol == "grpc" else tls.http_endpoint).replace("https", "http")
        result = doctor(tmp_path, env={f"{OTLP}ENDPOINT": endpoint, f"{OTLP}PROTOCOL": protocol})
        assert result.exit_code == 1
        assert "speaks TLS, and was asked in plain text" in result.stdout


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf", "grpc"])
def test_all_is_well(protocol: str, receiver: FakeReceiver, tmp_path: Path) -> None:
    """An empty export of each signal, by the configured protocol; nothing is left on disk."""
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
    env = {f"{OTLP}ENDPOINT": endpoint, f"{OTLP}PROTOCOL": protocol}
    result = doctor(tmp_path / "run", env=env)
    assert result.exit_code == 0, result.output
    assert "all ok" in result.stdout
    assert [(each.signal, each.protocol, each.accepted) for each in receiver.requests] == [
        (signal, protocol, True) for signal in ("metrics", "logs", "traces")
    ]
    assert not receiver.points() + receiver.logs() + receiver.spans()
    assert not list(tmp_path.iterdir())


def test_where_level_and_rank_come_from(tmp_path: Path) -> None:
    """The variable that decided is named."""
    result = doctor(tmp_path)
    assert "INFO, the default of init" in result.stdout
    assert "0 of 1" in result.stdout
    env = {"OTEL_MMLOG_LOG_LEVEL": "debug", "SLURM_STEP_ID": "0", "SLURM_PROCID": "3", "SLURM_NTASKS": "8"}
    result = doctor(tmp_path, env=env)
    assert "DEBUG, from OTEL_MMLOG_LOG_LEVEL" in result.stdout
    assert "3 of 8" in result.stdout
    assert "SLURM_PROCID" in result.stdout


@pytest.mark.parametrize(
    ("env", "found"),
    [
        ({"OTEL_MMLOG_LEVEL": "DEBUG"}, "did you mean OTEL_MMLOG_LOG_LEVEL?"),
        ({f"{OTLP}ENDPOIN": "http://localhost:4318"}, f"did you mean {OTLP}ENDPOINT?"),
        ({"OTEL_METRICS_EXPORTER": "none"}, "metrics are not journalled"),
        ({"OTEL_SDK_DISABLED": "true"}, "none is journalled"),
        ({"OTEL_MMLOG_JOURNAL_MAX_BYTES": "1e18"}, "lower OTEL_MMLOG_JOURNAL_MAX_BYTES"),
        (
            {f"{OTLP}ENDPOINT": "http://127.0.0.1:4317", f"{OTLP}PROTOCOL": "http/json"},
            "4317 is the port of gRPC",
        ),
        ({f"{OTLP}ENDPOINT": "http://127.0.0.1:4318", f"{OTLP}PROTOCOL": "grpc"}, "4318 is the port of HTTP"),
        ({f"{OTLP}TRACES_ENDPOINT": "http://127.0.0.1:9"}, "does not end in /v1/traces"),
        ({f"{OTLP}ENDPOINT": "http://127.0.0.1:9/v1/traces"}, "without /v1/..."),
        ({f"{OTLP}ENDPOINT": "http://127.0.0.1:4317/otlp"}, "gRPC has no path"),
        ({f"{OTLP}LOGS_ENDPOINT": "http://127.0.0.1:9/v1/logs"}, "metrics are not journalled"),
    ],
)
def test_what_is_seldom_meant_is_a_warning(env: SetUp, found: str, tmp_path: Path) -> None:
    """What works, and seldom as it was meant, is told before any server is asked."""
    result = doctor("--json", tmp_path, env=env)
    assert [each for each in checks(result) if each.status == "warn" and found in each.found + each.fix]


def test_a_server_that_takes_protobuf_only(receiver: FakeReceiver, tmp_path: Path) -> None:
    """A run finds that out by itself: a warning."""
    receiver.answer_by(lambda request: None if request.protocol == "http/protobuf" else _refusal())
    result = doctor(tmp_path, env={f"{OTLP}ENDPOINT": receiver.http_endpoint})
    assert result.exit_code == 0
    assert result.stdout.count("as protobuf only") == 3


def _refusal() -> Any:
    from otel_mmlog.testing import Reply  # noqa: PLC0415

    return Reply(415)


def test_no_secret_is_shown(receiver: FakeReceiver, tmp_path: Path) -> None:
    """Neither of headers, user info, query, proxies nor malformed variables, whatever a server repeats."""
    names = ("header", "user", "password", "query", "proxy", "malformed", "unknown", "own")
    secrets = {name: canary(name) for name in names}
    watch = Watch(list(secrets.values()))
    receiver.answer(401, times=None, message=f"I know {secrets['header']} and {secrets['proxy']}")
    host = receiver.http_endpoint.removeprefix("http://")
    user_info = f"{secrets['user']}:{secrets['password']}"
    good = {
        f"{OTLP}ENDPOINT": f"http://{user_info}@{host}/otlp?token={secrets['query']}",
        f"{OTLP}HEADERS": f"authorization=Bearer%20{secrets['header']}",
        "HTTPS_PROXY": f"http://me:{secrets['proxy']}@127.0.0.1:9",
        f"{OTLP}LOGS_ENDPOINT": "https://logs.example.com/v1/logs",
        f"{OTLP}API_KEY": secrets["unknown"],
    }
    bad = [
        {},
        {f"{OTLP}TRACES_HEADERS": secrets["malformed"]},
        {f"{OTLP}CERTIFICATE": f"-----BEGIN {secrets['malformed']}"},
        {f"{OTLP}TRACES_ENDPOINT": f"htp://{secrets['malformed']}@host:x"},
    ]
    for env in bad:
        for options in ([], ["--json"]):
            result = doctor(*options, tmp_path, env={**good, **env})
            watch.look(f"{env} {options}", result.output)
            assert result.exit_code == 1
    assert "401" in doctor(tmp_path, env=good).stdout
    assert not watch.wrong


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """Not only the first variable that a run would refuse is told; no server is asked then."""
    env = {
        "RANK": "x",
        "OTEL_MMLOG_LOG_LEVEL": "x",
        "OTEL_MMLOG_LINGER": "x",
        f"{OTLP}ENDPOINT": "http://127.0.0.1:9",
        f"{OTLP}TIMEOUT": "x",
    }
    found = checks(doctor("--json", tmp_path, env=env))
    failed = {finding.what for finding in found if finding.status == "FAIL"}
    assert failed == set(env) - {f"{OTLP}ENDPOINT"}
    assert f"correct {OTLP}TIMEOUT first" in {finding.fix for finding in found}


def test_backlog_and_sender(make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """What waits is told with its age, and who sends it; it fails only what is lost."""
    work_dir = make_journal()
    journal = work_dir / "otlp" / "rank0000"
    before = sorted(path.name for path in work_dir.rglob("*"))
    assert "there is no endpoint" in doctor(work_dir).stdout
    env = {f"{OTLP}ENDPOINT": receiver.http_endpoint}
    assert "in 1 journal, the oldest from" in doctor(work_dir, env=env).stdout
    assert sorted(path.name for path in work_dir.rglob("*")) == before
    put_aside(journal, "logs", [b"{}\n"], "no", 0)
    with (journal / "cursor").open("wb") as cursor:
        assert lock(cursor.fileno())
        result = doctor(work_dir, env=env)
    assert "alive: it sends run/rank0000" in result.stdout
    assert "has refused lines of run/rank0000" in result.stdout
    assert result.exit_code == 0


def test_backlog_of_many_runs(
    make_journal: MakeJournal, receiver: FakeReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found as deep as runs are, what was delivered is not named, and the fix is one command."""
    monkeypatch.setattr("otel_mmlog.cli.checks.disk.BEHIND_S", 0.0)
    make_journal("a")
    deep, delivered = (make_journal(name) / "otlp/rank0000" for name in ("b/c/d", "e"))

    def backlog() -> Finding:
        result = doctor("--json", tmp_path, env={f"{OTLP}ENDPOINT": receiver.http_endpoint})
        [finding] = [finding for finding in checks(result) if finding.what == "backlog"]
        return finding

    def deliver(journal: Path) -> None:
        (journal / "cursor").touch()
        for segment in journal.glob("*.jsonl"):
            segment.unlink()

    deliver(delivered)
    assert "in 2 journals, the oldest from" in backlog().found
    assert backlog().fix == f"run otel-mmlog send {tmp_path}"
    deliver(deep)
    assert backlog().fix == f"run otel-mmlog send {tmp_path / 'a'}"


def test_a_run_that_nobody_sends(make_journal: MakeJournal, receiver: FakeReceiver) -> None:
    """A segment that is being written, an endpoint, and no sender: a warning that says how to send it."""
    work_dir = make_journal()
    [segment] = (work_dir / "otlp" / "rank0000").glob("*.jsonl")
    part = segment.rename(segment.with_name(segment.name + ".part"))
    with part.open("ab") as file:
        assert lock(file.fileno())
        result = doctor("--json", work_dir, env={f"{OTLP}ENDPOINT": receiver.http_endpoint})
    [sender] = [finding for finding in checks(result) if finding.what == "sender"]
    assert sender.status == "warn"
    assert "send --follow" in sender.fix


def test_reserve_of_the_disk(tmp_path: Path) -> None:
    """Less free than the journal's reserve fails; less than it may grow to is a warning; so is a journal half full."""
    [low] = check_space(tmp_path, JournalSettings(min_free_bytes=2**62))
    assert low.status == "FAIL"
    assert "make room" in low.fix
    [tight] = check_space(tmp_path, JournalSettings(cap_bytes=2**62))
    assert tight.status == "warn"
    (tmp_path / "segment").write_bytes(b"x" * 800)
    _, full = check_space(tmp_path, JournalSettings(cap_bytes=1000))
    assert full.status == "FAIL"
    assert "traces are refused" in full.found


def test_versions() -> None:
    """What is too old or missing is named with the command that mends it; extras count only where installed."""
    assert check_python((3, 9)).status == "FAIL"
    required = ["click>=99", "numpy>=1.23", "no-such-package>=1", 'no-other>=2; extra == "x"', "pip"]
    assert [(each.found, each.fix) for each in check_requirements(required)] == [
        (found, f'run pip install "{what}"')
        for found, what in [
            (f"click {_version('click')} is older than 99", "click>=99"),
            ("no-such-package is not installed", "no-such-package>=1"),
        ]
    ]


def _version(name: str) -> str:
    from importlib.metadata import version  # noqa: PLC0415

    return version(name)
