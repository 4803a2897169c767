"""The layers of the package: who imports whom, and who reads the environment."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "otel_mmlog"
ALLOWED = {
    "core": ("otel_mmlog.core", "numpy"),
    "pipeline": ("otel_mmlog.core", "otel_mmlog.pipeline", "structlog"),
    "otel": (
        "otel_mmlog.core",
        "otel_mmlog.otel",
        "otel_mmlog._version",
        "opentelemetry",
        "google.protobuf",
    ),
    "sender": (
        "otel_mmlog.core",
        "otel_mmlog.sender",
        "otel_mmlog._version",
        "requests",
        "urllib3",
        "grpc",
        "google.protobuf",
        "google.rpc",
        "opentelemetry.proto",
    ),
    "testing": ("otel_mmlog.testing", "grpc", "google", "opentelemetry.proto"),
}
ENVIRONMENT_READERS = {"settings.py"}
FRAMEWORKS = (
    "torch",
    "mmengine",
    "transformers",
    "lightning",
    "accelerate",
    "ignite",
    "xgboost",
    "IPython",
    "ipykernel",
)


def modules(folder: Path = PACKAGE) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_below(name: str, allowed: tuple[str, ...]) -> bool:
    if name.split(".", maxsplit=1)[0] in sys.stdlib_module_names:
        return True
    return any(f"{name}.".startswith(f"{prefix}.") for prefix in allowed)


@pytest.mark.parametrize("layer", ALLOWED)
def test_layer_imports_only_what_is_below_it(layer: str) -> None:
    """A layer imports core and the libraries that it wraps; siblings never import each other."""
    wrong = {
        f"{path.name}: {name}"
        for path in modules(PACKAGE / layer)
        for name in imports(path)
        if not is_below(name, ALLOWED[layer])
    }
    assert modules(PACKAGE / layer)
    assert not wrong


def test_training_frameworks_are_imported_by_integrations_only() -> None:
    """Nothing outside of ``integrations`` imports a training framework, not even inside a function."""
    wrong = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in modules()
        for name in imports(path)
        if "integrations" not in path.parts and name.split(".")[0] in FRAMEWORKS
    }
    assert not wrong


def test_layers_never_reach_up() -> None:
    """No layer imports the composition root or a module beside it."""
    roots = {path.stem for path in PACKAGE.glob("*.py")} - {"_version", "__init__"}
    wrong = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for layer in ALLOWED
        for path in modules(PACKAGE / layer)
        for name in imports(path)
        if name.startswith("otel_mmlog.") and name.split(".")[1] in roots
    }
    assert not wrong


def test_only_the_settings_read_the_environment() -> None:
    """``os.environ`` and ``os.getenv`` occur in the settings alone: everything else takes a mapping."""
    readers = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "getenvb"))
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    assert readers == ENVIRONMENT_READERS
    named = {name for path in modules() for name in imports(path) if name.startswith("os.")}
    assert not named


def test_every_module_says_why_it_exists() -> None:
    """Each module begins with a docstring."""
    silent = [path.name for path in modules() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert not silent
