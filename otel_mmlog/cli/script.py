"""Runs a script or module as ``__main__``, as the interpreter does, with the MMEngine integration on.

``python script.py SCRIPT [ARGS]...`` or ``python script.py -m MODULE [ARGS]...``
"""

import builtins
import importlib.util
import sys
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

_PACKAGE_FOLDER = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> None:
    """Run what ``arguments`` name; it sees itself and what follows it as the command line."""
    _instrument()
    try:
        code, module = _module(*arguments[1:]) if arguments[0] == "-m" else _script(*arguments)
        sys.modules["__main__"] = module
        exec(code, vars(module))
    except BaseException as error:
        _hide_own_frames(error)
        raise


def _instrument() -> None:
    if not _is_path_safe():
        del sys.path[0]  # the folder of this file
    if str(_PACKAGE_FOLDER) not in sys.path:
        sys.path.append(str(_PACKAGE_FOLDER))  # a checkout that was found through the working directory
    from otel_mmlog.integrations.mmengine import MMEngineInstrumentor  # noqa: PLC0415

    MMEngineInstrumentor().instrument()


def _script(script: str, *arguments: str) -> tuple[CodeType, ModuleType]:
    sys.argv = [script, *arguments]
    path = Path(script)
    _prepend(path.resolve().parent)
    file = str(path.absolute())
    module = _main_module(__file__=file, __cached__=None, __loader__=SourceFileLoader("__main__", file))
    return compile(path.read_bytes(), file, "exec", dont_inherit=True), module


def _module(name: str, *arguments: str) -> tuple[CodeType, ModuleType]:
    sys.argv = ["-m", *arguments]
    _prepend(Path.cwd())
    spec = _find(name)
    code = spec.loader.get_code(spec.name) if isinstance(spec.loader, InspectLoader) else None
    if code is None:
        raise SystemExit(f"{sys.executable}: No code object available for {spec.name}")
    sys.argv[0] = spec.origin or name
    module = _main_module(
        __file__=spec.origin,
        __cached__=spec.cached,
        __loader__=spec.loader,
        __package__=spec.parent,
        __spec__=spec,
    )
    return code, module


def _find(name: str) -> ModuleSpec:
    """The module, or the ``__main__`` of the package."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(f"{error.name}."):
            raise
        spec = None
    if spec is None:
        raise SystemExit(f"{sys.executable}: No module named {name}")
    return spec


def _main_module(**names: object) -> ModuleType:
    module = ModuleType("__main__")
    vars(module).update(names, __builtins__=builtins)  # exec would put its dict there
    return module


def _prepend(folder: Path) -> None:
    if not _is_path_safe():
        sys.path.insert(0, str(folder))


def _is_path_safe() -> bool:
    """Whether the interpreter puts no folder before the others, as with ``-I`` and ``-P``."""
    return bool(sys.flags.isolated or getattr(sys.flags, "safe_path", False))


def _hide_own_frames(error: BaseException) -> None:
    """Let the traceback begin where the script does."""
    first: TracebackType | None = error.__traceback__
    while first is not None and first.tb_frame.f_code.co_filename == __file__:
        first = first.tb_next
    show = sys.excepthook
    sys.excepthook = lambda kind, value, _: show(kind, value.with_traceback(first), first)


if __name__ == "__main__":
    main(sys.argv[1:])
