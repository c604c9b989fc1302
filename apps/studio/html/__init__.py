"""Fragments of the page as HTML; the templates escape every text."""
