"""What scripts use of ``wandb.util``."""

import secrets
import string

_LETTERS = string.ascii_lowercase + string.digits


def generate_id(length: int = 8) -> str:
    """Return a new id for a run."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
