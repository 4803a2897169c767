"""The headings of the table: what is promised a target for, and the benchmarks that measure it."""

GROUPS = {
    "8 scalars a step into the hub": ("hub",),
    "the whole path: hub, line, JSON, journal (metrics and log); 8 scalars a step, a record every 10": (
        "full_path",
        "peers",
    ),
    "a record alone": ("record",),
    "steps='every': each raw value, 8 a step": ("every",),
    "a machine's senders: each rank logs 80 points a second": ("senders",),
    "delivery: what the sender of one rank does": ("delivery",),
    "the journal on disk": ("journal",),
    "the hub in a checkpoint": ("checkpoint",),
    "import, and the first line after the start": ("import",),
    "start and close": ("start_close",),
    "memory that the hub holds": ("memory",),
    "a registry of MMEngine": ("registry",),
    "a real Runner of MMEngine, everything on": ("runner", "runner_long"),
    "what an endpoint does to a step": ("endpoint",),
    "looking at the files of a long run": ("commands",),
}
"""Heading -> names of benchmarks, in the table's order."""

_TITLES = {name: title for title, names in GROUPS.items() for name in names}


def group_of(benchmark: str) -> str:
    """Return the heading of a benchmark's rows: its own name where it has no group."""
    return _TITLES.get(benchmark, benchmark)
