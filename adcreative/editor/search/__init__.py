"""Search algorithms over genomes in one loop: NSGA-II, AdSEE's genetic editor, CMA-ES, hill climbing, random search."""
