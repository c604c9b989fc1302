"""Trains and measures the weights that ship, and writes their cards. Runs from the repository; the wheel has none of it."""
