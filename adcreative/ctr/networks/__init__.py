"""Click-rate networks, one published network per file, and their registry."""
