"""More like these: sets of assets or keywords continued, by retrieval and re-ranking."""
