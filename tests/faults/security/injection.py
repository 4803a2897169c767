"""Text that wants to be taken for something else: each record stays one line, and terminals get no command."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from otel_mmlog.testing import FakeReceiver
from otel_mmlog.testing.script import Reply, Request
from tests.end_to_end.otlp_files import read_otlp
from tests.faults.fault import Context, Fault, named
from tests.faults.outcome import Outcome, unless
from tests.faults.security.hostile import ORDINARY, TEXTS, in_files, on_terminal
from tests.faults.security.terminal import run_on_terminal
from tests.faults.training import ENDPOINT, started, wait_for_senders
from tests.journals import strict_json

_RUN = [sys.executable, "-m", "tests.faults.security.hostile_run"]
_COMMAND = [sys.executable, "-m", "otel_mmlog"]
_ATTRIBUTES = ",".join(f"key{number}={quote(text)}" for number, text in enumerate(TEXTS))


def in_a_run(context: Context) -> Outcome:
    """Message, key, value, logger, level, exception, tag, span, config, resource: on a terminal and in all files."""
    work_dir = context.folder / "run"
    variables = {"OTEL_RESOURCE_ATTRIBUTES": _ATTRIBUTES, "OTEL_SERVICE_NAME": TEXTS[1]}
    with FakeReceiver() as receiver:
        code, shown = run_on_terminal(
            [*_RUN, str(work_dir)], {**variables, ENDPOINT: receiver.http_endpoint, "OTEL_MMLOG_LINGER": "0"}
        )
        wait_for_senders(work_dir)
        bodies = {log.body for log in receiver.logs()}
    code_offline, shown_offline = run_on_terminal([*_RUN, str(context.folder / "offline")], variables)
    wrong = unless(
        code == code_offline == 0, f"the runs ended with {code} and {code_offline}: {shown[-300:]}"
    )
    wrong += on_terminal("the terminal", shown) + on_terminal("the terminal", shown_offline)
    wrong += in_files(context.folder)
    wrong += [f"the server did not get {text!r} as it was" for text in TEXTS if text not in bodies]
    wrong += _in_offline_files(context.folder / "offline")
    for name, text in (
        ("the terminal", shown),
        ("tmp.log", (work_dir / "tmp.log").read_text()),
        ("tmp.jsonl", (work_dir / "tmp.jsonl").read_text()),
    ):
        wrong += unless(
            ORDINARY in text or json.dumps(ORDINARY, ensure_ascii=False)[1:-1] in text,
            f"{name} has ordinary text changed",
        )
    return Outcome(wrong=wrong, note=f"{len(TEXTS)} texts in 20 places")


def _in_offline_files(work_dir: Path) -> list[str]:
    """Whether JSON and journal have one record a line, with the text as it was."""
    events = [strict_json(line) for line in (work_dir / "tmp.jsonl").read_text().split("\n")[:-1]]
    found = read_otlp(*work_dir.glob("otlp/*/*.jsonl"))
    wrong = unless(found.unreadable_lines == 0, f"{found.unreadable_lines} lines of the journal are torn")
    kept = [
        ("the JSON file", {event["event"] for event in events}),
        ("the journal's log records", {log.body for log in found.logs}),
        ("the journal's spans", {span.name for span in found.spans}),
        ("the journal's resource", set(found.logs[0].resource.values())),
        (
            "the journal's attributes",
            {value for log in found.logs for value in log.attributes.values() if isinstance(value, str)},
        ),
    ]
    wrong += [f"{what} lacks {text!r}" for what, texts in kept for text in TEXTS if text not in texts]
    errors = {event["event"] for event in events if event["level"] == "ERROR"}
    return wrong + unless(errors.issuperset({*TEXTS, "failed"}), "an error is missing")


def from_a_server(context: Context) -> Outcome:
    """What a server answers: in the sender's log, the run's warning, and what the command line lists of it."""
    work_dir = context.folder / "run"
    body = "".join(TEXTS)
    refused = FakeReceiver()
    with refused as receiver:
        receiver.answer_by(lambda request: _refusal(request, body))
        variables = {ENDPOINT: receiver.http_endpoint, "OTEL_MMLOG_CLOSE_TIMEOUT": "3"}
        with started(work_dir, variables, interval=1) as training:
            training.train(60)
            training.flush(10)
            training.close()
        wait_for_senders(work_dir)
        wrong = in_files(work_dir)
        said = (work_dir / "otlp/rank0000/sender.log").read_text()
        wrong += unless("forged" in said, "the sender's log does not have the server's words")
        wrong += unless("forged" in (work_dir / "tmp.log").read_text(), "the run did not warn")
        for options in (["--dry-run", "--quarantined"], ["--quarantined"], ["--dry-run"], []):
            command = [*_COMMAND, "send", str(work_dir), "--endpoint", receiver.http_endpoint, *options]
            _, shown = run_on_terminal(command)
            wrong += on_terminal(f"send {' '.join(options)}", shown, progress=True)
            lists = "forged" in shown or options == ["--dry-run"]
            wrong += unless(
                lists, f"send {' '.join(options)} does not say what the server said: {shown[-300:]}"
            )
    return Outcome(wrong=wrong)


def _refusal(request: Request, body: str) -> Reply | None:
    """401 for spans, 400 for one log line, 503 for some points: all with these words."""
    if request.signal == "traces":
        return Reply(401, message=body)
    if request.signal == "logs" and b"step 50" in request.body:
        return Reply(400, message=body)
    return None


def on_the_command_line(context: Context) -> Outcome:
    """Folders of any name, and journals of any content, through every command."""
    work_dir = context.folder / TEXTS[9].replace("/", "-") / f"run{TEXTS[0].replace('/', '-')}"
    code, shown = run_on_terminal([*_RUN, str(work_dir)])
    wrong = on_terminal("the terminal", shown) + unless(code == 0, f"the run ended with {code}")
    elsewhere = work_dir.with_name(f"none{TEXTS[9].replace('/', '-')}")
    elsewhere.mkdir()
    export = ["export", "--openmetrics"]
    commands: Sequence[tuple[Sequence[str], int]] = [
        (["send", str(work_dir), "--dry-run"], 0),
        (["send", str(work_dir), "--endpoint", "http://127.0.0.1:9", "--patience", "0"], 1),
        (["send", str(elsewhere), "--dry-run"], 2),
        (["send", str(elsewhere / "absent"), "--dry-run"], 2),
        (["send", str(work_dir), "--endpoint", f"http://{TEXTS[9]}"], 2),
        ([*export, str(work_dir)], 0),
        ([*export, str(work_dir), "-o", str(elsewhere / "absent" / "x")], 1),
        ([f"--{TEXTS[9]}"], 2),
    ]
    for arguments, expected in commands:
        code, shown = run_on_terminal([*_COMMAND, *arguments])
        name = f"otel-mmlog {' '.join(arguments[:2])!r}"
        wrong += on_terminal(name, shown, progress=True)
        wrong += unless(code == expected, f"{name} ended with {code}: {shown[-300:]!r}")
        wrong += unless(arguments[0] != "export" or code != 0 or "forged" in shown, "export has no labels")
    return Outcome(wrong=wrong)


FAULTS: Sequence[Fault] = named(
    "security",
    [
        Fault("injection-in-a-run", in_a_run),
        Fault("injection-from-a-server", from_a_server),
        Fault("injection-on-the-command-line", on_the_command_line),
    ],
)
