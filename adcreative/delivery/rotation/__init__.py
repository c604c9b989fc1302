"""Which creatives to show tomorrow, and how often: posteriors of click rates, ways of choosing, slates, other policies."""
