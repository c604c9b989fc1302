"""Readers of published data sets in their original layout, one file per data set."""
