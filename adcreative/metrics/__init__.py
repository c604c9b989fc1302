"""Metrics: click rates (ranking, calibration), lists, labels, lifetimes, off-policy estimates; and the bootstrap."""
