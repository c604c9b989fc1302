"""Smaller models of impression logs: each method is one file, ends in `ctr.inputs.small_tables` and says what it kept."""
