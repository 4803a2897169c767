"""How a sender is started: its command line and what of the environment it gets."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from otel_mmlog.core.own_folders import PRIVATE

ENTRY: Final = "otel_mmlog.sender.child"
_PACKAGE: Final = Path(__file__).parents[1]

_NAMES: Final = frozenset(
    ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH",
     "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
)  # fmt: skip
_PREFIXES: Final = ("OTEL_", "GRPC_")

# One arena for all threads, and large blocks given back: 8 MB less after a backlog of 3 MiB requests.
_ALLOCATOR: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072"}

# In isolated mode neither the working directory nor PYTHONPATH can put a user's `http.py` before the library's.
# Of the folder that holds the package nothing else is to be found; the paths of the parent come last, so that
# they only serve for what is nowhere else.
_BOOTSTRAP: Final = """\
import importlib, importlib.util, json, os, sys
package, paths, entry, plan = json.loads(sys.argv[1])
sys.path += [path for path in paths if path not in sys.path]
spec = importlib.util.spec_from_file_location(
    "otel_mmlog", package + "/__init__.py", submodule_search_locations=[package])
sys.modules["otel_mmlog"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
importlib.import_module(entry).main(os.environ, plan)
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a sender is told when it starts.

    Attributes:
        folder: The rank's journal folder.
        parent_pid: The process that it sends for.
        linger_s: Seconds that it goes on for when that process is gone.
        gather_s: See `Pace`.
        file_mode: Of the files in the folder.
    """

    folder: str
    parent_pid: int
    linger_s: float
    gather_s: float
    file_mode: int = PRIVATE


def reason_not_to_start() -> str | None:
    """Why this process can have no sender, or None if it can."""
    if os.name != "posix":
        return f"this is {sys.platform}"
    if getattr(sys, "frozen", False):
        return "this program is frozen"
    if not sys.executable:
        return "the path of the Python interpreter is not known"
    if not (_PACKAGE / "__init__.py").is_file():
        return f"{_PACKAGE} is no folder"
    return None


def sender_command(plan: Plan, entry: str = ENTRY) -> list[str]:
    """The command line of a sender; there is no secret in it.

    Args:
        plan: What the sender is told.
        entry: The module whose ``main`` runs it.
    """
    paths = [path for path in sys.path if Path(path).is_absolute()]
    return [
        sys.executable,
        "-I",
        "-c",
        _BOOTSTRAP,
        json.dumps([str(_PACKAGE), paths, entry, asdict(plan)]),
    ]


def sender_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a sender needs of an environment: where to send, how to get there, where libraries are."""
    return {**_ALLOCATOR, **{name: value for name, value in environ.items() if _is_needed(name)}}


def _is_needed(name: str) -> bool:
    return name in _NAMES or name.startswith(_PREFIXES) or name.upper().endswith("_PROXY")
