"""Faults of servers, and of the way to them."""
