"""Disclosure rules, one YAML file a market: dated data with sources, read by `adcreative.provenance.disclosure`."""
