"""From data to network inputs: creatives, rows of an impression log."""
