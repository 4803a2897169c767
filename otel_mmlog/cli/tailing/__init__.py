"""Lines of all ranks, merged by time: read from the end, from a time on, and as they come."""
