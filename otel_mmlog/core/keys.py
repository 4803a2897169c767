"""Keys that are no other's."""

from collections.abc import Container


def free_key(key: str, taken: Container[str]) -> str:
    """Return the key with as many underscores behind it as make it no other's: keys that are cut may be alike."""
    while key in taken:
        key += "_"
    return key
