"""Exports of ad platforms: what their columns are called, and how their rows and numbers are read."""
