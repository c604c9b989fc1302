"""Latent codes of faces: inversion, prior, realism, directions."""
