"""The dashboards are what their code writes, complete, and in a shape that Grafana reads."""

import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.grafana_queries import (
    DASHBOARDS,
    NAMES,
    Json,
    dashboard,
    fill,
    panels,
    queries,
    variable_names,
)

GRAFANA = DASHBOARDS.parent
COLUMNS = 24
CHOSEN = {
    "experiment": ["digits"],
    "run": ["0edae6ae-f209"],
    "attempt": ["0", "1"],
    "rank": ["0", "17"],
    "metric": ["mmlog_train_grad_norm"],
}

each_dashboard = pytest.mark.parametrize("name", NAMES)
needs_library = pytest.mark.skipif(
    importlib.util.find_spec("grafana_foundation_sdk") is None,
    reason="grafana-foundation-sdk is not installed: pip install 'otel-mmlog[dashboards]' (Python 3.11 or newer)",
)


def check(folder: Path) -> "subprocess.CompletedProcess[str]":
    """What the code says of dashboards in a folder."""
    command = [sys.executable, str(GRAFANA / "source"), "--check", "--folder", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@needs_library
def test_json_is_what_the_code_writes() -> None:
    """The files that are checked in are up to date with the code."""
    found = check(DASHBOARDS)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@needs_library
def test_a_changed_file_is_named(tmp_path: Path) -> None:
    """A dashboard that was edited by hand fails the check, alone."""
    shutil.copytree(DASHBOARDS, tmp_path, dirs_exist_ok=True)
    edited = tmp_path / "ranks.json"
    edited.write_text(edited.read_text().replace('"Stragglers"', '"Slow ranks"'))
    found = check(tmp_path)
    assert (found.returncode, found.stdout) == (1, f"differs: {edited}\n")


@needs_library
@each_dashboard
def test_json_survives_the_types_of_the_library(name: str) -> None:
    """Reading a dashboard into the library's types and writing it again loses nothing but what they do not know."""
    models: Any = importlib.import_module("grafana_foundation_sdk.models.dashboard")
    encoder: Any = importlib.import_module("grafana_foundation_sdk.cog.encoder")
    board = dashboard(name)
    again = json.loads(json.dumps(models.Dashboard.from_json(board), cls=encoder.JSONEncoder))
    of_prometheus_alone = {"step", "titleFormat", "textFormat"}
    expected = [
        {key: value for key, value in each.items() if key not in of_prometheus_alone}
        for each in board["annotations"]["list"]
    ]
    assert again["annotations"]["list"] == expected
    assert again == {**board, "annotations": {"list": expected}}


@each_dashboard
def test_every_panel_says_what_it_shows(name: str) -> None:
    """A panel has a title of its own, a sentence on it, a unit, and queries."""
    for panel in panels(dashboard(name)):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), panel["title"]
    titles = [panel["title"] for panel in panels(dashboard(name))]
    assert len(set(titles)) == len(titles)


@each_dashboard
def test_stores_are_variables(name: str) -> None:
    """No panel, query, variable or annotation is bound to one data source; each names a variable of its type."""
    board = dashboard(name)
    variables = board["templating"]["list"]
    users = [
        *panels(board),
        *board["annotations"]["list"],
        *(each for each in variables if each["type"] == "query"),
    ]
    users += [target for panel in panels(board) for target in panel["targets"]]
    stores = {each["query"] for each in variables if each["type"] == "datasource"}
    assert stores == {"prometheus", "loki", "tempo"}
    for user in users:
        kind = user["datasource"]["type"]
        assert kind in stores
        assert user["datasource"]["uid"] == f"${{{kind}}}"


@each_dashboard
def test_queries_name_only_variables_that_exist(name: str) -> None:
    """What a query leaves to be chosen can be chosen."""
    declared = {variable["name"] for variable in dashboard(name)["templating"]["list"]}
    for query in queries(name):
        assert variable_names(query.text) <= declared, query.panel


@each_dashboard
def test_queries_are_of_one_run(name: str) -> None:
    """Each query asks for the chosen run, but those on Collectors, which serve all; none joins target_info."""
    for query in queries(name):
        assert "$run" in query.text or 'service_name=~"mmlog-' in query.text, query.panel
        assert "target_info" not in query.text


@each_dashboard
def test_panels_fill_the_grid(name: str) -> None:
    """No panel lies over another or off the grid, and the panels of a band fill its width."""
    placed = [each for each in panels(dashboard(name)) if "repeat" not in each]
    for one, other in combinations(placed, 2):
        assert not overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])
    widths: dict[int, int] = {}
    for panel in placed:
        widths[panel["gridPos"]["y"]] = widths.get(panel["gridPos"]["y"], 0) + panel["gridPos"]["w"]
    assert set(widths.values()) == {COLUMNS}


def overlap(one: Json, other: Json) -> bool:
    """Whether two places have a cell in common."""
    return bool(
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


@each_dashboard
def test_panels_keep_their_numbers(name: str) -> None:
    """Each panel and row has a number of its own, so that links to a panel hold."""
    board = dashboard(name)
    rows = [each for each in board["panels"] if each["type"] == "row"]
    numbers = [each["id"] for each in [*rows, *panels(board)]]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


@each_dashboard
def test_epochs_trouble_and_alerts_are_marked(name: str) -> None:
    """New epochs, NaN or Inf, and firing alerts are annotations of each dashboard."""
    marks = {each["name"]: each["expr"] for each in dashboard(name)["annotations"]["list"]}
    assert set(marks) == {"Epochs", "NaN or Inf", "Alerts"}
    assert "mmlog_train_epoch" in marks["Epochs"]
    assert 'alertstate="firing"' in marks["Alerts"]


@each_dashboard
def test_promql_parses(name: str) -> None:
    """Prometheus' own parser reads each query for it."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip(
            "promtool is not on PATH: install Prometheus, or put its folder on PATH, to run this test"
        )
    texts = [fill(query.text, CHOSEN) for query in queries(name) if query.store == "prometheus"]
    assert texts
    for text in dict.fromkeys(texts):
        command = [promtool, "--experimental", "promql", "format", text]
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert found.returncode == 0, f"{text}\n{found.stderr}"


def test_provisioned_stores_are_those_of_the_dashboards() -> None:
    """The data sources that come with the dashboards have the uids that these begin with."""
    yaml: Any = importlib.import_module("yaml")
    text = (GRAFANA / "provisioning" / "datasources" / "mmlog.yaml").read_text(encoding="utf-8")
    provisioned = {each["type"]: each["uid"] for each in yaml.safe_load(text)["datasources"]}
    for name in NAMES:
        chosen = {
            each["query"]: each["current"]["value"]
            for each in dashboard(name)["templating"]["list"]
            if each["type"] == "datasource"
        }
        assert chosen == provisioned
