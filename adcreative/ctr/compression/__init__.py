"""Smaller models of impression logs: each method is one file, gives `ctr.inputs.small_tables` and reports what was kept."""
