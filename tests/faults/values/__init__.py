"""Odd values, clocks that jump, and random input."""
