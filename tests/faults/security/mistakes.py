"""Secrets in variables that cannot be used, at a proxy, and in configs: no error and no file repeats them."""

import base64
import json
import socket
import subprocess
import sys
from collections.abc import Sequence

import otel_mmlog
from tests.faults.endpoint import wires
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, unless
from tests.faults.security.canaries import Watch, canary
from tests.faults.security.secret_run import IN_CONFIG
from tests.faults.training import ENDPOINT, started, wait_for_senders
from tests.processes import REPOSITORY, TIMEOUT_S, environment, run_python

_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
_SECRET = canary("mistake")
_GOOD = {ENDPOINT: "https://collector.test:4318"}
_GRPC = {ENDPOINT: "https://collector.test:4317"}
_BASE64 = base64.b64encode(_SECRET.encode()).decode().replace("=", "") + "+x="
MISTAKES: Sequence[dict[str, str]] = [
    *({**_GOOD, _HEADERS: text} for text in (_SECRET, f"Bearer {_SECRET}", f"authorization: Bearer {_SECRET}")),
    *({**_GOOD, _HEADERS: f"a=1,{_SECRET} x=2"} for _ in "."),
    *({**_GOOD, _HEADERS: f"authorization=Bearer%20{_SECRET}{end}"} for end in ("%0d%0ax", "\x01", "é")),
    *({**_GOOD, _HEADERS.replace("OTLP_", "OTLP_METRICS_"): f"{_SECRET}"} for _ in "."),
    *({**_GRPC, _HEADERS: text} for text in (_BASE64, f"{_SECRET}~=", f"a~b={_SECRET}")),
    *(
        {ENDPOINT: url}
        for url in (
            f"me:{_SECRET}@collector.test:4318",
            f"ftp://me:{_SECRET}@collector.test",
            f"http//me:{_SECRET}@collector.test",
            f"https://me:{_SECRET}@collector.test:port",
            f"https://me:{_SECRET}@",
            f"https://me:{_SECRET}@[::1",
            f"https://me:{_SECRET} @collector.test",
            f"https://me:{_SECRET}\x7f@collector.test",
            f"https://me:a/{_SECRET}@collector.test",
            f"https://me:{_SECRET}@collector.test:4317",
            f"http://me:{_SECRET}@collector.test",
            f"http://collector.test/?key={_SECRET}",
            f"https://?key={_SECRET}",
            f"https://collector.test:99999/#{_SECRET}",
        )
    ),
    {**_GOOD, "OTEL_EXPORTER_OTLP_CLIENT_KEY": f"-----BEGIN PRIVATE KEY-----\n{_SECRET}\n-----END PRIVATE KEY-----"},
    {**_GOOD, "OTEL_EXPORTER_OTLP_CLIENT_KEY": _SECRET * 20},
]  # fmt: skip


def malformed(context: Context) -> Outcome:
    """Each mistake is one error, of `init` and of ``otel-mmlog send``, without the secret."""
    work_dir = context.folder / "run"
    otel_mmlog.init("tmp", work_dir=work_dir, console=False).close()
    watch = Watch([_SECRET, _SECRET.lower(), _BASE64[:-4], _BASE64[:-4].lower()])
    wrong: list[str] = []
    for what in ("init", "send"):
        tried = subprocess.run(
            [sys.executable, "-m", "tests.faults.security.malformed_secrets", what, str(work_dir)],
            cwd=REPOSITORY,
            env=environment(),
            input=json.dumps(MISTAKES),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        watch.look(f"what {what} says", tried.stdout + tried.stderr)
        errors = tried.stderr.count("ConfigError: ") + tried.stderr.count("\nError: ")
        wrong += unless(errors == len(MISTAKES), f"{what}: {errors} errors for {len(MISTAKES)} mistakes")
    watch.look_below(work_dir)
    return Outcome(wrong=wrong + watch.wrong, note=f"{len(MISTAKES)} mistakes")


def proxy(context: Context) -> Outcome:
    """A proxy refuses its user and repeats the password in every form."""
    work_dir, secret = context.folder / "run", canary("proxy")
    encoded = base64.b64encode(f"me:{secret}".encode()).decode()
    body = f"me:{secret} is unknown ({encoded}, {secret})".encode()
    heads: list[bytes] = []

    def refuse(_wire: wires.Wire, client: socket.socket) -> None:
        heads.append(client.recv(65536))
        head = f"HTTP/1.1 407 {secret}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)

    watch = Watch([secret])
    with wires.serving(refuse) as wire:
        variables = {
            "HTTP_PROXY": f"http://me:{secret}@127.0.0.1:{wire.port}",
            "HTTPS_PROXY": f"http://me:{secret}@127.0.0.1:{wire.port}",
            ENDPOINT: "http://collector.test:4318",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://collector.test:4318/v1/logs",
            "OTEL_MMLOG_CLOSE_TIMEOUT": "3",
        }
        with started(work_dir, variables) as training:
            training.train(50)
            training.flush(5)
            training.close()
        wait_for_senders(work_dir)
    watch.look_below(work_dir)
    said = (work_dir / "otlp/rank0000/sender.log").read_text()
    wrong = unless(any(encoded.encode() in head for head in heads), "the proxy was not asked")
    wrong += unless("407" in said, f"the sender does not say what the proxy said: {said[-300:]}")
    return Outcome(wrong=wrong + watch.wrong, note=f"{watch.places} places")


_RUNNER = """
import sys
from pathlib import Path
from tests.faults.security.secret_run import CONFIG
from tests.integrations.mmengine.runners import instrumented, make_runner
with instrumented():
    backends = [{"type": "LocalVisBackend"}, {"type": "otel_mmlog.integrations.mmengine.OTelVisBackend"}]
    visualizer = {"type": "Visualizer", "vis_backends": backends}
    make_runner(Path(sys.argv[1]), cfg=CONFIG, visualizer=visualizer, log_level=sys.argv[2]).train()
"""


def runner_config(context: Context) -> Outcome:
    """MMEngine prints and keeps its whole config; what is ours of that shows no secret."""
    watch = Watch(IN_CONFIG)
    wrong: list[str] = []
    for level in ("DEBUG", "INFO")[: context.pick(1, 2)]:
        folder = context.folder / level
        ran = run_python(_RUNNER, folder, level)
        wrong += unless(ran.returncode == 0, f"the runner failed: {ran.stderr[-300:]}")
        ours = [
            *folder.glob("*.log"),
            *folder.glob("*.jsonl"),
            *folder.glob("otlp/*/*"),
            *folder.glob(".mmlog/*"),
        ]
        for path in ours:
            watch.look(str(path.relative_to(context.folder)), path.read_bytes())
        text = "".join(path.read_text() for path in folder.glob("*.log"))
        wrong += unless(
            "optimizer = dict(api_key='***', lr=0.1)" in text, f"{level}: the config's line is changed"
        )
        wrong += unless(len(ours) >= 3, f"there are only {ours}")
    return Outcome(wrong=wrong + watch.wrong, note=f"{watch.places} files")


FAULTS: Sequence[Fault] = named(
    "security",
    [
        Fault("secrets-in-mistakes", malformed),
        Fault("secrets-at-a-proxy", proxy),
        Fault("secrets-in-a-runner-config", runner_config),
    ],
)
