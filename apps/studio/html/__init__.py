"""Pieces of the page as HTML; a template escapes every text."""
