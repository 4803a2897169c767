"""What is worth telling of a registry call: class, registry, scope and module, and MMEngine's words for them."""

import functools
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from otel_mmlog.otel.semconv import REGISTRY_CLASS, REGISTRY_MODULE, REGISTRY_NAME, REGISTRY_SCOPE

Facts = dict[str, Any]
ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_TYPE_KEYS = ("type", "runner_type")
_LOGGER_NAME = "mmengine"


def registry_facts(registry: Any) -> Facts:
    """Return name and scope of a registry."""
    return {REGISTRY_NAME: registry.name, REGISTRY_SCOPE: registry.scope}


def class_facts(found: Any) -> Facts:
    """Return name and module of a class or a function; of a partial, those of what it calls."""
    while isinstance(found, functools.partial):
        found = found.func
    facts = {REGISTRY_CLASS: _name(found)}
    module = getattr(found, "__module__", None)
    if isinstance(module, str):
        facts[REGISTRY_MODULE] = module
    return facts


def find_facts(registry: Any, key: str, found: Any) -> Facts:
    """Return the facts of what ``registry.get(key)`` found, with the registry that it is registered in.

    What is in none, since the key is a path to import, counts for the registry that was asked.
    """
    return {**registry_facts(_home(registry, key) or registry), **class_facts(found)}


def config_type(config: Any, default_args: Any = None) -> Any:
    """Return what a config says is to be built: a name, a class, a function, or None if it does not say."""
    for source in (config, default_args):
        if isinstance(source, Mapping) or hasattr(source, "_cfg_dict"):  # mmengine's Config is no mapping
            for key in _TYPE_KEYS:
                if (kind := source.get(key)) is not None:
                    return kind
    return None


def type_facts(kind: Any) -> Facts:
    """Return the facts that the type in a config gives by itself: for a name no more than that."""
    if kind is None:
        return {}
    return {REGISTRY_CLASS: kind} if isinstance(kind, str) else class_facts(kind)


def get_words(facts: Mapping[str, Any]) -> str:
    """Return what MMEngine says of a get."""
    return (
        f"Get class `{facts[REGISTRY_CLASS]}` from "
        f'"{facts[REGISTRY_NAME]}" registry in "{facts[REGISTRY_SCOPE]}"'
    )


def build_words(facts: Mapping[str, Any]) -> str:
    """Return what MMEngine says of a build."""
    what = f"`{facts[REGISTRY_CLASS]}` instance" if REGISTRY_CLASS in facts else "instance"
    where = facts.get(REGISTRY_MODULE)
    found = "" if where is None else f", and its implementation can be found in {where}"
    return f"An {what} is built from registry{found}"


def failure_words(facts: Mapping[str, Any], error: BaseException) -> str:
    """Return ``Building `X` failed: ValueError: text``, on one line or more, as the error's text has."""
    what = (
        f"`{facts[REGISTRY_CLASS]}`" if REGISTRY_CLASS in facts else f'from "{facts[REGISTRY_NAME]}" registry'
    )
    try:
        text = str(error)
    except Exception as failure:  # noqa: BLE001 - __str__ of a user's exception may raise anything; it is named
        text = f"<unprintable: {type(failure).__name__}>"
    return f"Building {what} failed: {type(error).__name__}: {text}".removesuffix(": ")


def make_line(text: str, error: BaseException | None = None) -> logging.LogRecord:
    """Return a DEBUG record with a text, and with the error where there is one."""
    info: ErrorInfo | None = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord(_LOGGER_NAME, logging.DEBUG, __file__, 0, text, None, info)


def _name(found: Any) -> str:
    name = getattr(found, "__name__", None)
    return name if isinstance(name, str) else str(found)


def _home(registry: Any, key: str) -> Any:
    """Return the registry that holds a key, searched in the order of ``Registry.get``, or None."""
    scope, name = registry.split_scope_key(key)
    if scope is None or scope == registry.scope:
        while registry is not None:
            if name in registry.module_dict:
                return registry
            registry = registry.parent if scope is None else None
        return None
    if scope in registry.children:
        return _home(registry.children[scope], name)
    return None if registry.parent is None else _home(registry.root, key)
