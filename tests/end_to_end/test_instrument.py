"""Zero lines: an unmodified script under ``opentelemetry-instrument`` and under ``otel-mmlog run``."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from otel_mmlog.testing import FakeReceiver
from tests.processes import TIMEOUT_S, environment

INSTRUMENT = (str(Path(sys.executable).with_name("opentelemetry-instrument")), sys.executable)
RUN = (sys.executable, "-m", "otel_mmlog", "run")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
SCRIPT = """
import os, sys
loaded = [name for name in ("torch", "mmengine", "opentelemetry.distro") if name in sys.modules]
from otel_mmlog.integrations.mmengine import MMEngineInstrumentor
from otel_mmlog.settings import read_settings
protocol = read_settings().endpoints["metrics"].protocol
print(loaded, MMEngineInstrumentor().is_instrumented_by_opentelemetry, protocol)
"""
PARENT = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))"
TRAIN = """
import os, sys
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner

class Toy(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, inputs, mode):
        return {"loss": self.linear(torch.ones(1, 2)).abs().mean()}

if __name__ == "__main__":
    samples = 4 * int(os.environ.get("WORLD_SIZE", 1))
    if "RANK" in os.environ:
        torch.distributed.init_process_group("gloo")
    Runner(
        model=Toy(),
        work_dir=sys.argv[1],
        experiment_name="toy",
        train_dataloader=dict(batch_size=1, dataset=[0] * samples, sampler=dict(type="DefaultSampler")),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        default_hooks=dict(logger=dict(type="LoggerHook", interval=2), checkpoint=None),
    ).train()
"""
needs_instrument = pytest.mark.skipif(
    find_spec("opentelemetry.instrumentation") is None,
    reason="opentelemetry-instrumentation is not installed",
)
needs_distro = pytest.mark.skipif(
    find_spec("opentelemetry.distro") is None, reason="opentelemetry-distro is not installed"
)


def finish(*command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end, which must be a good one; the loader leaves the extra ``system``'s library alone."""
    done = subprocess.run(
        command,
        env=environment({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "system_metrics", **variables}),
        capture_output=True,
        text=True,
        timeout=2 * TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return str(path)


@pytest.fixture
def parent(tmp_path: Path) -> str:
    path = tmp_path / "parent.py"
    path.write_text(PARENT, encoding="utf-8")
    return str(path)


@needs_instrument
def test_without_the_distro(script: str) -> None:
    """OpenTelemetry's loader alone turns the integration on, and loads no framework."""
    variables = {"OTEL_PYTHON_DISTRO": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:9"}
    done = finish(*INSTRUMENT, script, OTEL_PYTHON_CONFIGURATOR="none", **variables)
    assert done.stdout.endswith(" True http/json\n")
    assert "torch" not in done.stdout
    assert "mmengine" not in done.stdout


@needs_instrument
def test_loader_can_be_told_to_leave_it(script: str) -> None:
    """The usual variable disables the integration by its name."""
    variables = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "mmengine"}
    done = finish(*INSTRUMENT, script, OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:9", **variables)
    assert " False http/json" in done.stdout


@needs_distro
@pytest.mark.parametrize(
    ("way", "wished"),
    [
        ("direct", None),
        ("direct", "grpc"),
        ("direct", "http/protobuf"),
        ("child", None),
        ("child", "grpc"),
        ("run", None),
        ("run", "grpc"),
        ("child of run", None),
    ],
)
def test_protocol_is_the_users(script: str, parent: str, way: str, wished: str | None) -> None:
    """What the distro sets, here or in a launcher, is not taken for a wish; what the user sets is."""
    before = {
        "direct": INSTRUMENT,
        "child": (*INSTRUMENT, parent),
        "run": (INSTRUMENT[0], *RUN),
        "child of run": (INSTRUMENT[0], *RUN, parent),
    }
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:9",
        **({PROTOCOL: wished} if wished else {}),
    }
    done = finish(*before[way], script, **variables)
    assert done.stdout == f"['opentelemetry.distro'] True {wished or 'http/json'}\n"
    assert not done.stderr


@needs_distro
def test_all_of_the_distros_values_can_be_wished(script: str) -> None:
    """A user who sets every variable as the distro would is believed."""
    names = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER")
    variables = {**dict.fromkeys(names, "otlp"), PROTOCOL: "grpc"}
    done = finish(*INSTRUMENT, script, OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:9", **variables)
    assert done.stdout.endswith(" True grpc\n")


@pytest.mark.parametrize(
    ("command", "ranks"),
    [
        pytest.param((*TORCHRUN, *RUN[1:]), 2, id="torchrun"),
        pytest.param(INSTRUMENT, 1, id="instrument", marks=needs_distro),
    ],
)
def test_runner_arrives(tmp_path: Path, command: tuple[str, ...], ranks: int) -> None:
    """A plain Runner's points, lines and spans arrive once, from every rank, and files are where they belong."""
    path = tmp_path / "train.py"
    path.write_text(TRAIN, encoding="utf-8")
    work_dir = tmp_path / "work"
    with FakeReceiver() as receiver:
        done = finish(
            *command,
            str(path),
            str(work_dir),
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.http_endpoint,
            NO_PROXY="*",
        )
        losses = [
            point for point in receiver.points() if point.name == "mmlog.train.loss" and not point.flags
        ]
        lines = [log for log in receiver.logs() if log.event_name == "mmlog.train.iter"]
        spans = receiver.spans()
    assert sorted(point.attributes["rank"] for point in losses) == sorted(4 * list(range(ranks)))
    assert len({(log.resource["rank"], log.body) for log in lines}) == len(lines) == 4 * ranks
    names = [span.name for span in spans]
    assert [names.count(f"mmlog.{name}") for name in ("run", "train", "epoch")] == [ranks, ranks, 2 * ranks]
    assert len({span.trace_id for span in spans}) == 1
    assert "export" not in done.stderr  # the distro's exporters would complain: nobody speaks gRPC there
    assert {"toy.log", "toy.jsonl", "otlp"} <= {path.name for path in work_dir.iterdir()}
