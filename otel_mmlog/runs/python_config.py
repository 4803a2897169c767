"""A config that MMEngine has written as Python, read without running it."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otel_mmlog.core.masking import MASK, masked


def read_python_config(path: Path) -> dict[str, Any]:
    """Return what the assignments in a file say; what is no literal and no ``dict(...)`` as its source.

    Returns:
        Name -> value, nested as in the file, with secrets masked; empty for a file that is no Python. A source is
        without its texts: in ``Client("...")`` nobody can tell whether one is a secret.

    Raises:
        OSError: It cannot be read.
    """
    try:
        module = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    settings = {
        target.id: _value(node.value)
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return dict(masked(settings))


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return _of_call(node)
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(each) for each in node.elts]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(_value(key)): _value(value) for key, value in pairs if key is not None}
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return ast.unparse(_WithoutTexts().visit(node))


class _WithoutTexts(ast.NodeTransformer):
    """Puts `MASK` in the place of each text in an expression."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        """Replace a text; numbers stay."""
        return ast.Constant(MASK) if isinstance(node.value, (str, bytes)) else node


def _of_call(node: ast.Call) -> dict[str, Any]:
    found: dict[str, Any] = {}
    whole = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg is None)]
    for value in map(_value, whole):
        if isinstance(value, Mapping):
            found.update(value)
    found.update((keyword.arg, _value(keyword.value)) for keyword in node.keywords if keyword.arg is not None)
    return found
