"""A pid namespace of its own, as a container has: whoever dies first in it takes all others along."""

import functools
import subprocess

CONTAINER = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


@functools.cache
def why_no_container() -> str:
    """Why no such namespace can be made here; empty if it can."""
    try:
        made = subprocess.run([*CONTAINER, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        made = False
    return "" if made else "not made: this system does not let us make a pid namespace"
