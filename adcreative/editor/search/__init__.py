"""Search algorithms over genomes in one loop: NSGA-II, AdSEE's genetic editor, random search."""
