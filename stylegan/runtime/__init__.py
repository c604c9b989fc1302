"""Fast forms of the networks, each with a plain twin that gives the same numbers."""
