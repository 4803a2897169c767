"""How much a journal may hold, and when it starts a new segment."""

from dataclasses import dataclass
from typing import Final

from otel_mmlog.core.errors import ConfigError
from otel_mmlog.core.own_folders import PRIVATE

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """The limits of a journal.

    Attributes:
        cap_bytes: What all files in the rank's folder may take together.
        segment_bytes: A segment is sealed before it grows beyond this.
        segment_age_s: A segment is sealed at the first append after this time.
        min_free_bytes: Nothing is written while the disk has less left than this; 0 for no limit.
        file_mode: Of new files; see `make_folder`.
    """

    cap_bytes: int = 256 * _MIB
    segment_bytes: int = 16 * _MIB
    segment_age_s: float = 300.0
    min_free_bytes: int = 64 * _MIB
    file_mode: int = PRIVATE

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError: A value is out of range.
        """
        for name, least in (("cap_bytes", 1), ("segment_bytes", 1), ("min_free_bytes", 0)):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= least):
                raise ConfigError(f"{name} is {value!r}; give a whole number of bytes, at least {least}")
        if not self.segment_age_s > 0:
            raise ConfigError(f"segment_age_s is {self.segment_age_s!r}; give a number of seconds above 0")
