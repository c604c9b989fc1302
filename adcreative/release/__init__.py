"""Trains and measures the weights that ship, and writes their cards. Nothing imports it."""
