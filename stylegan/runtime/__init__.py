"""Faster inference on a CPU; tests compare each implementation with the plain network."""
