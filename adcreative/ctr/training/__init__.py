"""Training of click-rate networks: the loop and its warm start."""
