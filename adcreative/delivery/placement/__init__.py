"""Sponsored creatives inside a text: where each goes, and what it pays."""
