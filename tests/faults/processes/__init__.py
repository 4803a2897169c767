"""Many processes, forks and long runs."""
