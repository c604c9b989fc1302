"""From data to what networks read: creatives, the MicroLens challenge."""
