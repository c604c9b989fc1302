"""Directions in latent space: labelled, unsupervised, from text."""
