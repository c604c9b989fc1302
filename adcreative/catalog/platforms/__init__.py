"""Exports of ad platforms: their column names, and how their rows and numbers are read."""
