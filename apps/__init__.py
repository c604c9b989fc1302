"""Graphical programs on top of the commands; they import only `adcreative.pipeline`, the records and the report's parts."""
