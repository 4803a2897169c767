"""A config that MMEngine has written as Python, read without running it."""

import ast
from pathlib import Path
from typing import Any


def read_python_config(path: Path) -> dict[str, Any]:
    """Return what the assignments in a file say; what is no literal and no ``dict(...)`` as its source.

    Returns:
        Name -> value, nested as in the file; empty for a file that is no Python.

    Raises:
        OSError: It cannot be read.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8", errors="replace"))
    except (SyntaxError, ValueError, RecursionError):
        return {}
    return {
        target.id: _value(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _value(node: ast.expr) -> Any:
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(each) for each in node.elts]
    if isinstance(node, ast.Dict):
        return {
            ast.unparse(key).strip("'\""): _value(value)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "dict" and not node.args:
        return {each.arg: _value(each.value) for each in node.keywords if each.arg is not None}
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return ast.unparse(node)
