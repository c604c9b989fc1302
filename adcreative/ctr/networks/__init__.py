"""Click-rate networks, one published network a file, and the registry of all."""
