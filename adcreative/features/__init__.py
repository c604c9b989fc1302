"""Creatives as numbers: extraction, cache, fitted encoding, batches."""
