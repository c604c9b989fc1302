"""From data to what networks read: creatives, rows of an impression log."""
