"""Where lines of known texts are: each must be whole and once in the files, the journal and at the server."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from otel_mmlog.testing import FakeReceiver
from tests.end_to_end.otlp_files import read_otlp
from tests.faults.outcome import Sums, unless
from tests.journals import strict_json

_TEXT_LINE = re.compile(
    r"\d{4}(/\d\d){2} \d\d(:\d\d){2} - \S+ - [A-Z]+ - (?P<message>.*?)(  process\.pid=\d+)?"
)
_MARK = "line "


def in_texts(paths: Iterable[Path]) -> tuple[Counter[str], list[str]]:
    """The texts in ``.log`` files, and what is wrong with lines there."""
    found: Counter[str] = Counter()
    wrong: list[str] = []
    for path in paths:
        for line in _lines(path, wrong):
            match = _TEXT_LINE.fullmatch(line)
            wrong += unless(match is not None, f"{path.name} has a line of another form: {line[:200]!r}")
            if match is not None and match["message"].startswith(_MARK):
                found[match["message"]] += 1
    return found, wrong


def in_json_lines(paths: Iterable[Path]) -> tuple[Counter[str], list[str]]:
    """The texts in ``.jsonl`` files, and what is wrong with lines there."""
    found: Counter[str] = Counter()
    wrong: list[str] = []
    for path in paths:
        for line in _lines(path, wrong):
            try:
                event = str(strict_json(line)["event"])
            except (ValueError, KeyError, AssertionError) as error:
                wrong.append(f"{path.name} has a line that is no event: {line[:200]!r} ({error})")
                continue
            if event.startswith(_MARK):
                found[event] += 1
    return found, wrong


def in_journals(paths: Iterable[Path]) -> tuple[Counter[str], list[str]]:
    """The texts in journal segments, and what is wrong with lines there."""
    telemetry = read_otlp(*paths)
    wrong = unless(
        not telemetry.unreadable_lines, f"{telemetry.unreadable_lines} lines of the journal are torn"
    )
    return Counter(str(log.body) for log in telemetry.logs if str(log.body).startswith(_MARK)), wrong


def at_server(receiver: FakeReceiver) -> Counter[str]:
    """The texts that a server took."""
    return Counter(str(log.body) for log in receiver.logs() if str(log.body).startswith(_MARK))


def differences(where: str, found: Counter[str], expected: Counter[str]) -> list[str]:
    """What is missing, too often, or was never logged."""
    missing, more = expected - found, found - expected
    strange = [each for each in more if each not in expected]
    return [
        *unless(
            not missing,
            f"{where}: {missing.total()} lines are missing, one is {next(iter(missing), '')[:60]!r}",
        ),
        *unless(
            more.total() == len(strange),
            f"{where}: {more.total() - len(strange)} lines are there more than once",
        ),
        *unless(
            not strange,
            f"{where}: {len(strange)} lines were never logged, such as {''.join(strange[:1])[:60]!r}",
        ),
    ]


def sums_of(expected: Counter[str], taken: Counter[str], journal: Counter[str]) -> Sums:
    """The sums of texts."""
    return Sums(
        produced=expected.total(),
        delivered=len(taken),
        in_journal=len(set(journal) - set(taken)),
        double=taken.total() - len(taken),
    )


def _lines(path: Path, wrong: list[str]) -> list[str]:
    try:
        content = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        wrong.append(f"{path.name} cannot be read: {error}")
        return []
    wrong += unless(content.endswith("\n"), f"the last line of {path.name} has no end")
    return content.split("\n")[:-1]
