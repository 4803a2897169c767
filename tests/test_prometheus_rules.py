"""The rules and alerts that users copy, as promtool judges them, and that each alert is tried both ways."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types of its own

from tests.end_to_end.servers import program

FOLDER = Path(__file__).parents[1] / "collector-config" / "prometheus"
RULES = FOLDER / "rules.yaml"
TESTS = sorted((FOLDER / "tests").glob("*.yaml"))
NAMED = re.compile(r'alertname="(\w+)"')


def all_rules() -> list[dict[str, Any]]:
    """Every rule of every group."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def all_alerts() -> list[dict[str, Any]]:
    """The rules that are alerts."""
    return [rule for rule in all_rules() if "alert" in rule]


def cases() -> Iterator[tuple[str, bool]]:
    """Name and whether it fires, of every case in which promtool's tests look at an alert."""
    tests = [test for path in TESTS for test in yaml.safe_load(path.read_text())["tests"]]
    for test in tests:
        for case in test.get("alert_rule_test", ()):
            yield case["alertname"], bool(case["exp_alerts"])
        for case in test.get("promql_expr_test", ()):
            for name in NAMED.findall(case["expr"]):
                yield name, bool(case["exp_samples"])


def promtool(*arguments: object) -> "subprocess.CompletedProcess[str]":
    """What promtool says."""
    command = [program("promtool"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_promtool_accepts_the_rules() -> None:
    """The rules parse, and no linter of promtool's has a word to say."""
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_promtool_finds_that_alerts_fire_when_they_should(path: Path) -> None:
    """Every case beside the rules holds, those that must not fire included."""
    tested = promtool("test", "rules", path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_is_tried_both_ways() -> None:
    """There is no alert without a case that fires it and one that does not."""
    found = set(cases())
    names = {alert["alert"] for alert in all_alerts()}
    assert found == {(name, fires) for name in names for fires in (True, False)}


@pytest.mark.parametrize("alert", all_alerts(), ids=lambda alert: alert["alert"])
def test_alerts_say_what_to_do(alert: dict[str, Any]) -> None:
    """Each has a severity, a summary, a description with the value, and a chapter of the README."""
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert "$value" in alert["annotations"]["description"]
    name = alert["alert"]
    assert alert["annotations"]["runbook_url"] == f"collector-config/README.md#{name.lower()}"
    assert f"\n### {name}\n" in (FOLDER.parent / "README.md").read_text()


def test_recorded_names_are_their_own() -> None:
    """What is recorded begins with ``mmlog:``, so that nobody takes it for what a run sent."""
    recorded = [rule["record"] for rule in all_rules() if "record" in rule]
    assert recorded
    assert all(name.startswith("mmlog:") for name in recorded)
