"""Disclosure rules, one YAML file per market: dated data with sources, read by `adcreative.provenance.disclosure`."""
