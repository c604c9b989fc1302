"""Runs over many creatives: batch, engines, run log, run folder, purge."""
