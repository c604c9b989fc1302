"""Search algorithms over genomes behind one driver: NSGA-II, AdSEE's genetic editor, CMA-ES, hill climbing, random search."""
