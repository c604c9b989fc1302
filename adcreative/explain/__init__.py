"""Explanations of a prediction: attributions, perturbations, word gradients, neighbours."""
